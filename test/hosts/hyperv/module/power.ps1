# What runs: Start, Stop, Save, Suspend, Resume, Restart. A transition stands in the record with its end, so that all
# sessions see it; the command that began it waits for that end, as the real one does.

function Start-Transition($Vm, [string]$During, [string]$After, [string]$Time) {
    $Vm.state = $During
    $Vm.then = $After
    # A booted guest takes the time that it takes.
    $duration = if ($settings.boot -and 'Off', 'Saved' -contains $After) { 3600000 } else { [long]$settings.times.$Time }
    $Vm.until = (Get-Now) + $duration
}

function Wait-Transition($Id) {
    while ($true) {
        Sync-State
        $vm = Get-Record "vm/$Id"
        if ($null -eq $vm) { return }
        $left = $vm.until - (Get-Now)
        if ($left -le 0 -or (Get-LiveState $vm) -ne $vm.state) { break }
        Start-Sleep -Milliseconds ([Math]::Min($left, 200))
    }
    Edit-Machine $Id { }
}

function Assert-State($Vm, [string[]]$States) {
    $state = Get-LiveState $Vm
    if ($States -notcontains $state) { Deny-State "The operation cannot be performed while the virtual machine '$($Vm.name)' is in its current state." }
}

# Begins what the block decides on, and waits for it; -AsJob is not there.
function Move-Machine($P, [scriptblock]$Block) {
    foreach ($one in @(Select-Machine $P)) {
        Edit-Machine $one.id $Block
        Wait-Transition $one.id
        if ($P['Passthru']) { ConvertTo-Machine (Get-Record "vm/$($one.id)") }
    }
}

# The disks and CDs of a machine that runs are open: other programs get a sharing violation.
function Update-Locks {
    $text = New-Object System.Text.StringBuilder
    foreach ($vm in Get-Records 'vm') {
        if ('Off', 'Saved' -contains (Get-LiveState $vm)) { continue }
        foreach ($drive in $vm.drives) {
            if (-not $drive.path) { continue }
            if ($drive.kind -eq 'dvd') { $null = $text.Append("R $(ConvertTo-Real $drive.path)`n"); continue }
            $null = $text.Append("X $(ConvertTo-Real $drive.path)`n")
            for ($parent = Get-Parent $drive.path; $parent; $parent = Get-Parent $parent) { $null = $text.Append("R $(ConvertTo-Real $parent)`n") }
        }
    }
    [System.IO.File]::WriteAllText("$own/locks.new", $text.ToString(), $utf8)
    [System.IO.File]::Move("$own/locks.new", "$own/locks.txt", $true)
}

function Assert-Startable($Vm) {
    foreach ($drive in $Vm.drives) {
        if ($drive.path -and -not (Test-RealFile $drive.path)) { Fail 'ObjectNotFound' 'ObjectNotFound' "'$($Vm.name)' failed to start. Synthetic SCSI Controller: Attachment '$($drive.path)' not found." 0x80070002 }
        if ($drive.kind -eq 'disk') { Assert-Chain $drive.path }
        if ($drive.kind -eq 'disk' -and (Get-OtherUser $drive.path $Vm.id)) { Fail 'OperationFailed' 'NotSpecified' "'$($Vm.name)' failed to start. Attachment '$($drive.path)' failed to open because it is in use." 0x80070020 }
    }
    $needed = [long]$Vm.memory.startup
    foreach ($other in Get-Records 'vm') { if ($other.id -ne $Vm.id -and (Get-LiveState $other) -eq 'Running') { $needed += [long]$other.memory.startup } }
    if ($needed -gt $settings.memory) { Fail 'OutOfMemory' 'ResourceUnavailable' "'$($Vm.name)' could not initialize. Not enough memory in the system to start the virtual machine." 0x8007000E }
}

# Another machine that runs with this file.
function Get-OtherUser([string]$Path, $Id) {
    foreach ($vm in Get-Records 'vm') {
        if ($vm.id -eq $Id -or $offStates -contains (Get-LiveState $vm)) { continue }
        if ($vm.drives | Where-Object { $_.path -eq $Path -and $_.kind -eq 'disk' }) { return $vm.name }
    }
}

function Start-Machine($Vm) {
    Assert-State $Vm 'Off', 'Saved'
    Assert-Startable $Vm
    foreach ($nic in $Vm.nics) { if ($nic.dynamic -and $nic.mac -eq '000000000000') { $nic.mac = New-PoolMac $Vm } }
    if ($Vm.generation -eq 2 -and $settings.firmwareFile -and -not @($Vm.firmware.order | Where-Object { $_ -like 'file:*' })) {
        $Vm.firmware.order = [object[]](@("file:$($settings.firmwareFile)") + @(Get-BootOrder $Vm))
    }
    $Vm.started = Get-Now
    [System.IO.File]::Delete("$own/ended-$($Vm.id)")
    Start-Transition $Vm 'Starting' 'Running' 'start'
}

Register 'Start-VM' {
    param($P)
    foreach ($one in @(Select-Machine $P)) {
        $state = Get-LiveState $one
        if ($state -eq 'Running') { Write-Warning 'The virtual machine is already in the specified state.' }
        else {
            Use-Lock {
                Edit-Machine $one.id { param($vm) Start-Machine $vm }
                Update-Locks
            }
            Start-Guest $one.id
            Wait-Transition $one.id
        }
        if ($P['Passthru']) { ConvertTo-Machine (Get-Record "vm/$($one.id)") }
    }
}

# A graceful stop is the guest's to follow: it takes its time, does not answer, or has no integration services.
function Stop-Gracefully($Vm) {
    $guest = $settings.shutdown
    if (-not $Vm.services.shutdown -or $guest -eq 'fails') { Fail 'OperationFailed' 'NotSpecified' "'$($Vm.name)' failed to shut down. The device is not ready." 0x80070015 }
    Start-Transition $Vm 'Stopping' 'Off' 'shutdown'
    if ($guest -eq 'hangs') { $Vm.until = (Get-Now) + 3600000 }
    else { Send-Guest $Vm.id 'shutdown' }
}

Register 'Stop-VM' {
    param($P)
    foreach ($one in @(Select-Machine $P)) {
        $state = Get-LiveState $one
        if ($state -eq 'Off') { Write-Warning 'The virtual machine is already in the specified state.' }
        elseif ($P['Save']) { & $commands['Save-VM'] @{ VM = (ConvertTo-Machine $one) } }
        else {
            Edit-Machine $one.id {
                param($vm)
                if ($P['TurnOff']) { Send-Guest $vm.id 'kill'; Start-Transition $vm 'Stopping' 'Off' 'turnOff' }
                else { Assert-State $vm 'Running'; Stop-Gracefully $vm }
            }
            Wait-Transition $one.id
            Use-Lock { Update-Locks }
        }
        if ($P['Passthru']) { ConvertTo-Machine (Get-Record "vm/$($one.id)") }
    }
}

Register 'Save-VM' {
    param($P)
    Move-Machine $P { param($vm) Assert-State $vm 'Running', 'Paused'; Send-Guest $vm.id 'kill'; Start-Transition $vm 'Saving' 'Saved' 'save' }
    Use-Lock { Update-Locks }
}
Register 'Suspend-VM' { param($P) Move-Machine $P { param($vm) Assert-State $vm 'Running'; Send-Guest $vm.id 'pause'; Start-Transition $vm 'Pausing' 'Paused' 'pause' } }
Register 'Resume-VM' { param($P) Move-Machine $P { param($vm) Assert-State $vm 'Paused'; Send-Guest $vm.id 'resume'; Start-Transition $vm 'Resuming' 'Running' 'pause' } }
Register 'Restart-VM' {
    param($P)
    Move-Machine $P { param($vm) Assert-State $vm 'Running'; Send-Guest $vm.id 'reset'; $vm.started = Get-Now; Start-Transition $vm 'Stopping' 'Running' 'start' }
}
Register 'Remove-VMSavedState' {
    param($P)
    foreach ($one in @(Select-Machine $P)) { Edit-Machine $one.id { param($vm) Assert-State $vm 'Saved'; $vm.state = 'Off' } }
}
