# Virtual machines: Get, New, Set, Rename, Remove.

$versions = @{ '2016' = '8.0'; '2019' = '9.0'; '2022' = '10.0'; '2025' = '12.0' }
$supported = @{ '2016' = '5.0 6.2 7.0 7.1 8.0'; '2019' = '5.0 6.2 7.0 7.1 8.0 8.1 8.2 8.3 9.0'; '2022' = '8.0 8.1 8.2 8.3 9.0 9.1 9.2 9.3 10.0'; '2025' = '9.0 9.1 9.2 9.3 10.0 11.0 12.0' }
$hyper = 'Microsoft.HyperV.PowerShell.'
$machineFolder = 'C:\ProgramData\Microsoft\Windows\Hyper-V'
$offStates = 'Off', 'Saved'

$enumValues = @{}
function ConvertTo-Enum([string]$Type, $Value) {
    $key = "$Type $Value"
    if (-not $enumValues.ContainsKey($key)) { $enumValues[$key] = [Enum]::Parse(($hyper + $Type) -as [type], [string]$Value, $true) }
    $enumValues[$key]
}

# The state at this moment: a transition that is due has happened, and a guest that QEMU booted ends when QEMU does.
function Get-LiveState($Vm) {
    if ($settings.boot -and 'Off', 'Saved' -notcontains $Vm.state -and [System.IO.File]::Exists("$own/ended-$($Vm.id)")) { return $(if ($Vm.then -eq 'Saved') { 'Saved' } else { 'Off' }) }
    if ($Vm.until -and (Get-Now) -ge $Vm.until) { return $Vm.then }
    $Vm.state
}
function Test-Off($Vm) { (Get-LiveState $Vm) -eq 'Off' }
function Assert-Off($Vm) {
    if (-not (Test-Off $Vm)) { Deny-State "The operation cannot be performed while the virtual machine '$($Vm.name)' is in its current state." }
}

function Assert-Word([string]$Value, [string]$What) { if ([string]::IsNullOrWhiteSpace($Value)) { Deny-Argument "$What must not be empty." } }

# The machines that a call means: by -VM objects, by name (with wildcards) or by id.
function Select-Machine($P) {
    $objects = if ($P.ContainsKey('VM')) { $P.VM } else { foreach ($key in 'VMSnapshot', 'VMNetworkAdapter', 'ParentOf') { if ($P.ContainsKey($key)) { $P[$key] } } }
    if ($objects) {
        foreach ($object in $objects) {
            $vm = Get-Machine $object.VMId
            if ($null -eq $vm) { Deny-Missing 'virtual machine' $object.VMName }
            $vm
        }
        return
    }
    if ($P.ContainsKey('Id')) {
        $vm = Get-Machine $P.Id
        if ($null -eq $vm) { Deny-Missing 'virtual machine' $P.Id }
        return $vm
    }
    $names = if ($P.ContainsKey('VMName')) { $P.VMName } else { $P.Name }
    $all = @(Get-Records 'vm' | ForEach-Object { if ($_.mergeUntil) { Get-Machine $_.id } else { $_ } })
    if (-not $names) { return $all }
    foreach ($name in $names) {
        $found = @($all | Where-Object { $_.name -like $name })
        if ($found.Count -eq 0 -and -not [System.Management.Automation.WildcardPattern]::ContainsWildcardCharacters($name)) { Deny-Missing 'virtual machine' $name }
        $found
    }
}

# A machine as it is now: a merge that is due has been done.
function Get-Machine($MachineId) {
    $vm = Get-Record "vm/$MachineId"
    if ($vm.mergeUntil -and (Get-Now) -ge $vm.mergeUntil) { Complete-Merge $MachineId; $vm = Get-Record "vm/$MachineId" }
    $vm
}

# Changes a machine under the lock. The block gets the record and changes it.
function Edit-Machine($MachineId, [scriptblock]$Change) {
    Use-Lock {
        $vm = Open-Known 'vm' $MachineId 'virtual machine'
        $liveState = Get-LiveState $vm
        if ($liveState -ne $vm.state) { $vm.state = $liveState; $vm.until = 0 }
        & $Change $vm
        Save-Record "vm/$MachineId" $vm
    }
}

# Edits each machine that a call means, and gives them back where -Passthru asks for it.
function Edit-Selected($P, [scriptblock]$Block) {
    foreach ($one in @(Select-Machine $P)) {
        Edit-Machine $one.id $Block
        if ($P['Passthru']) { ConvertTo-Machine (Get-Record "vm/$($one.id)") }
    }
}

function ConvertTo-Machine($Vm) {
    $state = Get-LiveState $Vm
    $running = $state -eq 'Running'
    $merging = $Vm.mergeUntil -and (Get-Now) -lt $Vm.mergeUntil
    $heartbeat = if ($running) { $settings.heartbeat } else { 'Disabled' }
    $object = [Microsoft.HyperV.PowerShell.VirtualMachine]::new()
    $object.Id = $object.VMId = [Guid]$Vm.id
    $object.Name = $object.VMName = $Vm.name
    $object.State = ConvertTo-Enum VMState $state
    $object.Notes = $Vm.notes
    $object.Generation = [int]$Vm.generation
    $object.Version = $Vm.version
    $object.Path = $object.ConfigurationLocation = $object.SnapshotFileLocation = $object.CheckpointFileLocation = $object.SmartPagingFilePath = $Vm.path
    $object.CreationTime = [DateTimeOffset]::FromUnixTimeMilliseconds($Vm.created).LocalDateTime
    $object.MemoryStartup = [long]$Vm.memory.startup
    $object.MemoryMinimum = [long]$Vm.memory.minimum
    $object.MemoryMaximum = [long]$Vm.memory.maximum
    $object.DynamicMemoryEnabled = [bool]$Vm.memory.dynamic
    $object.MemoryAssigned = if ($running) { [long]$Vm.memory.startup } else { [long]0 }
    $object.MemoryDemand = $object.MemoryAssigned
    $object.MemoryStatus = ''
    $object.ProcessorCount = [int]$Vm.processor.count
    $object.CPUUsage = 0
    $object.AutomaticStartAction = ConvertTo-Enum StartAction $Vm.startAction
    $object.AutomaticStopAction = ConvertTo-Enum StopAction $Vm.stopAction
    $object.AutomaticStartDelay = [int]$Vm.startDelay
    $object.CheckpointType = ConvertTo-Enum CheckpointType $Vm.checkpointType
    $object.AutomaticCheckpointsEnabled = [bool]$Vm.automaticCheckpoints
    $object.Uptime = if ($running -and $Vm.started) { [TimeSpan]::FromMilliseconds((Get-Now) - $Vm.started) } else { [TimeSpan]::Zero }
    $object.Heartbeat = ConvertTo-Enum VMHeartbeatStatus $heartbeat
    $object.Status = if ($merging) { 'Merging disks' } else { 'Operating normally' }
    $object.OperationalStatus = [object[]]@(ConvertTo-Enum VMOperationalStatus 'Ok')
    $object.PrimaryOperationalStatus = ConvertTo-Enum VMOperationalStatus 'Ok'
    $object.SecondaryOperationalStatus = if ($merging) { ConvertTo-Enum VMOperationalStatus 'MergingDisks' } else { $null }
    $object.StatusDescriptions = [string[]]@($object.Status)
    $object.PrimaryStatusDescription = 'Operating normally'
    $object.IntegrationServicesVersion = [Version]'0.0'
    $object.ParentSnapshotId = $object.ParentCheckpointId = if ($Vm.parentSnapshot) { [Guid]$Vm.parentSnapshot } else { $null }
    $object.ParentSnapshotName = $object.ParentCheckpointName = if ($Vm.parentSnapshot) { ($Vm.snapshots | Where-Object { $_.id -eq $Vm.parentSnapshot }).name } else { $null }
    $object.ComputerName = $settings.computerName
    $object.IsDeleted = $false
    $object.IsClustered = $false
    $object.LockOnDisconnect = ConvertTo-Enum OnOffState 'Off'
    $object.EnhancedSessionTransportType = ConvertTo-Enum EnhancedSessionTransportType 'VMBus'
    $object.Key = $Vm.id
    $object
}

# The fields that each part of a machine has: whose it is.
function Set-Owner($Part, $Vm) {
    $Part.VMId = [Guid]$Vm.id
    $Part.VMName = $Vm.name
    $Part.VMSnapshotId = $Part.VMCheckpointId = [Guid]::Empty
    $Part.VMSnapshotName = $Part.VMCheckpointName = ''
    $Part.ComputerName = $settings.computerName
    $Part.IsDeleted = $false
}

# The files that a machine has below its folder, as empty ones.
function Get-MachineFile($Vm) { foreach ($end in '.vmcx', '.vmgs', '.VMRS') { "$($Vm.path)\Virtual Machines\$($Vm.id.ToUpperInvariant())$end" } }

Register 'Get-VM' { param($P) foreach ($vm in @(Select-Machine $P)) { ConvertTo-Machine $vm } }

Register 'New-VM' {
    param($P)
    $name = if ($P.ContainsKey('Name')) { $P.Name } else { 'New Virtual Machine' }
    Assert-Word $name 'The name'
    if ($name.Length -gt 100) { Deny-Argument 'The name is longer than 100 characters.' }
    $now = $settings
    $generation = if ($P.ContainsKey('Generation')) { [int]$P.Generation } else { 1 }
    if (1, 2 -notcontains $generation) { Deny-Argument 'The generation must be 1 or 2.' }
    $version = if ($P.ContainsKey('Version')) { [string]$P.Version } else { $versions[$now.version] }
    if ($supported[$now.version].Split(' ') -notcontains $version) { Deny-Argument "The version $version is not supported." }
    $memory = if ($P.ContainsKey('MemoryStartupBytes')) { [long]$P.MemoryStartupBytes } else { 512MB }
    Assert-Memory $memory
    $path = if ($P.ContainsKey('Path')) { (ConvertTo-Windows $P.Path).TrimEnd('\') + "\$name" } else { $machineFolder }
    if ($P.ContainsKey('SwitchName')) { $switch = Get-KnownSwitch $P.SwitchName }
    if ($P.ContainsKey('VHDPath') -and -not (Test-RealFile $P.VHDPath)) { Deny-NoFile $P.VHDPath }
    $id = [Guid]::NewGuid().ToString()
    $vm = New-MachineRecord $id $name $generation $version $path $memory
    Add-Nic $vm 'Network Adapter' $switch.id $null ($generation -eq 1 -and $P['BootDevice'] -eq 'LegacyNetworkAdapter')
    if ($generation -eq 1) { $vm.drives = [object[]]@(New-DriveRecord 'dvd' 'IDE' 1 0 $null) }
    foreach ($file in Get-MachineFile ([pscustomobject]$vm)) { New-RealFile $file }
    if ($P.ContainsKey('NewVHDPath')) {
        $disk = ConvertTo-Windows $P.NewVHDPath
        New-Disk $disk 'Dynamic' ([long]$P.NewVHDSizeBytes) 0 $null
    }
    elseif ($P.ContainsKey('VHDPath')) { $disk = ConvertTo-Windows $P.VHDPath }
    if ($disk) { $vm.drives = [object[]](@(New-DriveRecord 'disk' ('IDE', 'SCSI')[$generation - 1] 0 0 $disk) + $vm.drives) }
    Use-Lock { Save-Record "vm/$id" $vm }
    ConvertTo-Machine (Get-Record "vm/$id")
}

function New-MachineRecord($Id, $Name, $Generation, $Version, $Path, $Memory) {
    $client = $settings.sku -eq 'client'
    [ordered]@{
        id = $Id; name = $Name; generation = $Generation; version = $Version; path = $Path; created = Get-Now; notes = ''
        state = 'Off'; then = 'Off'; until = 0; started = 0; mergeUntil = 0
        memory = @{ startup = $Memory; minimum = [Math]::Min(512MB, $Memory); maximum = 1TB; dynamic = $false; buffer = 20; priority = 50 }
        processor = @{ count = 1; nested = $false; reserve = 0; maximum = 100; weight = 100; migration = $false }
        firmware = @{ secureBoot = 'On'; template = 'MicrosoftWindows'; pause = 'Off'; console = 'Default'; protocol = 'IPv4'; order = [object[]]@() }
        bios = @{ order = [object[]]@('CD', 'IDE', 'LegacyNetworkAdapter', 'Floppy'); numLock = $false }
        security = @{ protector = $false; tpm = $false; shielded = $false }
        scsi = 1; nics = [object[]]@(); drives = [object[]]@(); snapshots = [object[]]@(); parentSnapshot = $null
        services = @{ time = $true; heartbeat = $true; kvp = $true; shutdown = $true; vss = $true; guest = $false }
        startAction = 'StartIfRunning'; stopAction = 'Save'; startDelay = 0; checkpointType = 'Production'; automaticCheckpoints = $client
        ports = [object[]]@('', '')
    }
}

function New-RealFile([string]$Path) {
    $real = ConvertTo-Real $Path
    $folder = New-Object System.IO.DirectoryInfo ($real.Substring(0, $real.LastIndexOf('/')))
    $folder.Create()
    [System.IO.File]::WriteAllText($real, '')
}

function Assert-Memory([long]$Bytes) {
    if ($Bytes -lt 32MB -or $Bytes -gt 12TB) { Deny-Argument "The memory value $Bytes is out of range." }
    if ($Bytes % 2MB -ne 0) { Deny-Argument "The memory value $Bytes is not aligned to 2 MB." }
}

Register 'Set-VM' {
    param($P)
    if ($P['DynamicMemory'] -and $P['StaticMemory']) { Deny-Argument 'Memory is either dynamic or static.' }
    Edit-Selected $P {
        param($vm)
        $live = 'Notes', 'NewVMName', 'CheckpointType', 'AutomaticStartAction', 'AutomaticStopAction', 'AutomaticStartDelay', 'AutomaticCheckpointsEnabled'
        $table = @{ Notes = 'notes'; NewVMName = 'name'; CheckpointType = 'checkpointType'; AutomaticStartAction = 'startAction'; AutomaticStopAction = 'stopAction'; AutomaticStartDelay = 'startDelay'; AutomaticCheckpointsEnabled = 'automaticCheckpoints' }
        foreach ($key in $live) {
            if (-not $P.ContainsKey($key)) { continue }
            $vm.($table[$key]) = if ($P[$key] -is [bool] -or $P[$key] -is [int]) { $P[$key] } else { [string]$P[$key] }
        }
        if ($P.ContainsKey('ProcessorCount')) { Set-Processor $vm @{ Count = $P.ProcessorCount } }
        $memory = @{}
        foreach ($pair in @('MemoryStartupBytes', 'StartupBytes'), @('MemoryMinimumBytes', 'MinimumBytes'), @('MemoryMaximumBytes', 'MaximumBytes')) { if ($P.ContainsKey($pair[0])) { $memory[$pair[1]] = $P[$pair[0]] } }
        if ($P['DynamicMemory']) { $memory.DynamicMemoryEnabled = $true }
        if ($P['StaticMemory']) { $memory.DynamicMemoryEnabled = $false }
        if ($memory.Count) { Set-Memory $vm $memory }
    }
}

Register 'Rename-VM' {
    param($P)
    Assert-Word $P.NewName 'The name'
    Edit-Selected $P { param($vm) $vm.name = $P.NewName }
}

Register 'Remove-VM' {
    param($P)
    foreach ($one in @(Select-Machine $P)) {
        Use-Lock {
            $vm = Open-Known 'vm' $one.id 'virtual machine'
            if ($offStates -notcontains (Get-LiveState $vm)) { Deny-State "The operation cannot be performed while the virtual machine '$($vm.name)' is in its current state." }
            if ($vm.parentSnapshot) { Merge-Chain $vm }
            foreach ($file in Get-MachineFile $vm) { [System.IO.File]::Delete((ConvertTo-Real $file)) }
            Remove-Record "vm/$($vm.id)"
        }
    }
}
