# What every command of the host shares: where things are, errors, the journal, faults, and the way a call takes.

$root = $env:CROSSVISOR_SIM_ROOT
$own = "$root/.sim"
$utf8 = New-Object System.Text.UTF8Encoding $false
$commands = @{}
$settings = $null
$settingsStamp = 0

# Declares what a command does. It gets the bound parameters as a table.
function Register([string[]]$Names, [scriptblock]$Body) { foreach ($name in $Names) { $commands[$name] = $Body } }

function Get-Now { [DateTimeOffset]::UtcNow.ToUnixTimeMilliseconds() }

# The settings of the host, which a test may change at any time: looked at once for each call.
function Sync-Settings {
    $stamp = [System.IO.File]::GetLastWriteTimeUtc("$own/settings.json").Ticks
    if ($stamp -eq $script:settingsStamp) { return }
    $script:settings = ConvertFrom-Json ([System.IO.File]::ReadAllText("$own/settings.json", $utf8))
    $script:settingsStamp = $stamp
}

# C:\a\b as it is on this machine: below the root, each name without regard to case.
function ConvertTo-Real([string]$Path) {
    if ($Path -notmatch '^([A-Za-z]):[\\/]?(.*)$') { return $Path }
    $real = "$root/" + $Matches[1].ToUpperInvariant()
    foreach ($name in $Matches[2].Split([char[]]'\/', [StringSplitOptions]::RemoveEmptyEntries)) {
        $next = "$real/$name"
        if (-not ([System.IO.File]::Exists($next) -or (New-Object System.IO.DirectoryInfo $next).Exists) -and (New-Object System.IO.DirectoryInfo $real).Exists) {
            foreach ($entry in (New-Object System.IO.DirectoryInfo $real).GetFileSystemInfos()) {
                if ($entry.Name -eq $name) { $next = "$real/" + $entry.Name; break }
            }
        }
        $real = $next
    }
    $real
}

# A path as Hyper-V keeps it: absolute, with backslashes.
function ConvertTo-Windows([string]$Path) {
    $path = $Path.Replace('/', '\')
    if ($path -match '^[A-Za-z]:') { return $path.Substring(0, 1).ToUpperInvariant() + $path.Substring(1) }
    if ($path.StartsWith('\\')) { return $path }
    return 'C:\' + $path.TrimStart('\')
}

function Test-RealFile([string]$Path) { [System.IO.File]::Exists((ConvertTo-Real $Path)) }

# Throws what a command then reports as an error record of its own.
function Fail([string]$Id, [string]$Category, [string]$Message, $HResult = 0x80131500, $Target = $null) {
    $exception = New-Object Microsoft.HyperV.PowerShell.VirtualizationException $Message
    $exception.HResult = [int]$HResult
    $exception.Data['id'] = $Id
    $exception.Data['category'] = $Category
    $exception.Data['target'] = $Target
    throw $exception
}
function Deny-Missing([string]$What, [string]$Name) {
    Fail 'InvalidParameter' 'InvalidArgument' "Hyper-V was unable to find a $What with name `"$Name`"." 0x80131500 $Name
}
function Deny-State([string]$Message) { Fail 'InvalidState' 'InvalidOperation' $Message 0x80070015 }
function Deny-Argument([string]$Message, $HResult = 0x80070057) { Fail 'InvalidParameter' 'InvalidArgument' $Message $HResult }
function Deny-Sharing([string]$Path) {
    Fail 'ObjectInUse' 'ResourceBusy' "The process cannot access the file '$Path' because it is being used by another process." 0x80070020
}
function Deny-NoFile([string]$Path) { Fail 'ObjectNotFound' 'ObjectNotFound' "Cannot find the file '$Path'." 0x80070002 }

# NetTCPIP and NetNat speak of CIM objects: other categories and ids than Hyper-V.
function Deny-NoCimObject([string]$Class, [string]$What) {
    Fail 'CmdletizationQuery_NotFound' 'ObjectNotFound' "No $Class objects found with $What." 0x80131500
}
function Deny-Windows([int]$Code, [string]$Category, [string]$Message) {
    Fail "Windows System Error $Code" $Category $Message (0x80070000 -bor $Code)
}

# GetVM of Get-VM: the last part of a Hyper-V error's id. Commands made from CIM classes have their own name there.
function Get-ErrorSource([string]$Module, [string]$Name) {
    if ($Name -match '^(\w+)-VHD$') { return "Microsoft.Vhd.PowerShell.Cmdlets.$($Matches[1])Vhd" }
    if ($Module -eq 'Hyper-V') { 'Microsoft.HyperV.PowerShell.Commands.' + $Name.Replace('-', '') } else { $Name }
}

$idField = [System.Management.Automation.ErrorRecord].GetFields('NonPublic, Instance') | Where-Object { $_.Name -match 'serializedFullyQualifiedErrorId' }

function New-Record($Exception, [string]$Module, [string]$Name) {
    $id = $Exception.Data['id']
    $category = $Exception.Data['category']
    if (-not $id) { $id = 'Unspecified'; $category = 'NotSpecified' }
    $record = New-Object System.Management.Automation.ErrorRecord $Exception, $id, $category, $Exception.Data['target']
    # A function's own name would stand there. The engine has no way for a function to say another.
    $idField.SetValue($record, "$id," + (Get-ErrorSource $Module $Name))
    $record
}

# Each session has a journal of its own: an append of .NET is not one step, so several to one file lose lines.
$journal = $null
function Write-Journal([string]$Name, $Bound, [string]$Result) {
    if ($null -eq $journal) {
        $script:journal = New-Object System.IO.FileStream "$own/journal/$([Guid]::NewGuid())", 'CreateNew', 'Write', 'Read', 1
    }
    $given = @{}
    foreach ($key in $Bound.Keys) { $given[$key] = [string[]]@(foreach ($one in $Bound[$key]) { Get-Label $one }) }
    $entry = ConvertTo-Json -Compress -Depth 4 -InputObject @{ time = Get-Now; pid = $PID; command = $Name; parameters = $given; result = $Result }
    $bytes = $utf8.GetBytes($entry + "`n")
    $journal.Write($bytes, 0, $bytes.Length)
    $journal.Flush()
}

# What a journal shows of an argument.
function Get-Label($Value) {
    if ($null -eq $Value) { return '' }
    $type = $Value.GetType()
    if ($type.IsClass -and $type.Namespace -eq 'Microsoft.HyperV.PowerShell') { [string]$Value.Name } else { [string]$Value }
}

# One line at the end of a file.
function Add-Line([string]$Path, [string]$Line) {
    Use-Lock { [System.IO.File]::AppendAllText($Path, $Line + "`n", $utf8) }
}

# A fault that a test asked for, as often as it asked, counted over all sessions.
function Invoke-Fault([string]$Name, [string]$Moment) {
    foreach ($fault in $settings.faults) {
        if ($fault.moment -ne $Moment -or -not ($Name -like $fault.command)) { continue }
        if (-not (Use-Lock { Step-Fault $fault })) { continue }
        if ($fault.delay) { Start-Sleep -Milliseconds $fault.delay }
        if ($fault.exit) { [System.Diagnostics.Process]::GetCurrentProcess().Kill() }
        if ($fault.error) { Fail $fault.error.id $fault.error.category $fault.error.message ([Convert]::ToInt32($fault.error.hresult, 16)) }
    }
}
function Step-Fault($Fault) {
    $file = "$own/fault-" + $Fault.id
    $before = 0
    if ([System.IO.File]::Exists($file)) { $before = [int][System.IO.File]::ReadAllText($file) }
    if ($before -ge $Fault.skip + $Fault.times) { return $false }
    [System.IO.File]::WriteAllText($file, [string]($before + 1))
    $before -ge $Fault.skip
}

# The host's moods: who calls may not, the service is stopped.
function Assert-Allowed([string]$Module, [string]$Name) {
    $now = $settings
    if ($Module -eq 'Hyper-V') {
        if ($now.rights -eq 'none') { Fail 'AccessDenied' 'PermissionDenied' 'You do not have the required permission to complete this task. Contact the administrator of the authorization policy for the computer.' 0x80070005 }
        if ($now.service -eq 'stopped' -and $Name -notmatch '-VHD$') { Fail 'ObjectNotFound' 'ObjectNotFound' 'Hyper-V encountered an error trying to access an object on the computer because the object was not found. Verify that the Virtual Machine Management service on the computer is running.' 0x80131500 }
    }
    elseif ($now.rights -ne 'administrator' -and $Name -notmatch '^Get-') { Fail 'Windows System Error 5' 'PermissionDenied' 'Access is denied.' 0x80070005 }
}

# The way of each call: a function with the documented parameters comes here with what was bound.
function Invoke-Simulated([string]$Module, [string]$Name, $Cmdlet, $Bound) {
    $given = @{}
    foreach ($key in $Bound.Keys) { $given[$key] = $Bound[$key] }
    if ($commands[$Name] -and $given.ContainsKey('WhatIf') -or (Test-Asks $Name $given)) {
        if (-not $Cmdlet.ShouldProcess($Name)) { return }
    }
    $result = 'ok'
    try {
        Sync-Settings
        Sync-State
        Invoke-Fault $Name 'before'
        Assert-Allowed $Module $Name
        if (-not $commands[$Name]) { Fail 'NotImplemented' 'NotImplemented' "$Name is not simulated by this host." 0x80004001 }
        & $commands[$Name] $given
        Invoke-Fault $Name 'after'
    }
    catch [Microsoft.HyperV.PowerShell.VirtualizationException] {
        $exception = $_.Exception
        $result = [string]$exception.Data['id']
        $stop = -not $given.ContainsKey('ErrorAction') -and $Cmdlet.SessionState.PSVariable.GetValue('ErrorActionPreference') -eq 'Stop'
        $record = New-Record $exception $Module $Name
        # A function of a module does not see the caller's preference, a real command does.
        if ($stop) { $Cmdlet.ThrowTerminatingError($record) } else { $Cmdlet.WriteError($record) }
    }
    finally { Write-Journal $Name $Bound $result }
}

# Commands that ask before they act, unless they are told not to: documented for the network ones, known for the others.
$asking = 'Remove-VM', 'Remove-VMSwitch', 'Remove-NetNat', 'New-NetNat', 'Remove-NetIPAddress', 'Remove-NetNatStaticMapping', 'Remove-DhcpServerv4Scope', 'Restart-VM'
function Test-Asks([string]$Name, $Given) { $asking -contains $Name -and -not $Given['Force'] }
