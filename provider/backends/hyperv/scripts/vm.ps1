# Machines: found by id, made in one request or not at all, changed one by one.

# The machine, or nothing when the host lists machines and this is not among them. A refusal alone proves nothing: a
# stopped service refuses too, with the same words.
function Find-CvVm([string] $Id) {
    try { return (Hyper-V\Get-VM -Id ([guid] $Id) -ErrorAction Stop) }
    catch {
        return @(Hyper-V\Get-VM -ErrorAction Stop | Where-Object { [string] $_.Id -eq $Id }) | Select-Object -First 1
    }
}
function Get-CvVm([string] $Id) {
    $machine = Find-CvVm $Id
    if ($null -eq $machine) { Stop-Cv 'NoMachine' @{ id = $Id } }
    return $machine
}

# As in the inventory.
function Get-CvVmFacts([string] $Id) { return (ConvertTo-CvMachines @(Get-CvVm $Id)) }

$CvRequests['vm.get'] = @{ Function = 'Get-CvOneVm' }
function Get-CvOneVm($Arguments) {
    $machine = Find-CvVm $Arguments.id
    return @{ machine = $(if ($null -ne $machine) { ConvertTo-CvMachines @($machine) }) }
}

# Makes a machine with all its parts, off. When a part fails nothing of it is left: disks are not its own and stay. Others
# see what is its own alone as soon as they may look: its name and notes come first. These say that it is being made; those
# that come last do not, so a machine that has them is complete.
$CvRequests['vm.create'] = @{ Function = 'New-CvVm'; Beside = $true }
function New-CvVm($Arguments) {
    $done = $false
    $machine = $null
    $existed = [IO.Directory]::Exists($Arguments.path)
    try {
        $gate = Enter-CvGate 'machines'
        try {
            Assert-CvSole '' $Arguments.sole
            $machine = Hyper-V\New-VM -Name $Arguments.name -Generation $Arguments.generation -MemoryStartupBytes ([long] $Arguments.memory.startup) -Path $Arguments.path -NoVHD -ErrorAction Stop
            if ($null -ne $Arguments.begun) { Hyper-V\Set-VM -VM $machine -Notes $Arguments.begun -ErrorAction Stop }
        }
        finally { Exit-CvGate $gate }
        # What Hyper-V adds by itself.
        foreach ($nic in @(Hyper-V\Get-VMNetworkAdapter -VM $machine -ErrorAction Stop)) { Hyper-V\Remove-VMNetworkAdapter -VMNetworkAdapter $nic -ErrorAction Stop }
        foreach ($dvd in @(Hyper-V\Get-VMDvdDrive -VM $machine -ErrorAction Stop)) { Hyper-V\Remove-VMDvdDrive -VMDvdDrive $dvd -ErrorAction Stop }
        # Windows 10 and 11 take checkpoints by themselves unless told not to. Server 2016 has no such word.
        if ((Get-Command -Name Hyper-V\Set-VM).Parameters.ContainsKey('AutomaticCheckpointsEnabled')) {
            Hyper-V\Set-VM -VM $machine -AutomaticCheckpointsEnabled $false -ErrorAction Stop
        }
        Set-CvMemory $machine $Arguments.memory
        Set-CvProcessor $machine $Arguments
        foreach ($disk in $Arguments.disks) { Add-CvDiskDrive $machine $disk }
        foreach ($dvd in $Arguments.dvds) { Add-CvDvd $machine $dvd }
        foreach ($nic in $Arguments.nics) { Add-CvNic $machine $nic }
        if ($Arguments.generation -eq 2) {
            Set-CvFirmware $machine $Arguments.firmware
            if ($Arguments.tpm) { Set-CvTpm $machine $true }
        }
        Set-CvSettings $machine $Arguments
        $facts = Get-CvVmFacts $machine.Id
        $done = $true
    }
    finally {
        if (-not $done -and $null -ne $machine) {
            Hyper-V\Remove-VM -VM $machine -Force -Confirm:$false -ErrorAction SilentlyContinue
            Remove-CvEmptyFolder ([string] $machine.Path)
            if (-not $existed) { Remove-CvEmptyFolder $Arguments.path }
        }
    }
    return $facts
}

# Deletes a folder that holds no file, at any depth.
function Remove-CvEmptyFolder([string] $Path) {
    if ($Path -eq '' -or -not [IO.Directory]::Exists($Path)) { return }
    if (@([IO.Directory]::GetFiles($Path, '*', [IO.SearchOption]::AllDirectories)).Count -eq 0) { [IO.Directory]::Delete($Path, $true) }
}

function Set-CvSettings($Machine, $Given) {
    $settings = @{ VM = $Machine; ErrorAction = 'Stop' }
    if ($null -ne $Given.notes) { $settings.Notes = [string] $Given.notes }
    if ($null -ne $Given.startAction) { $settings.AutomaticStartAction = $Given.startAction }
    if ($null -ne $Given.stopAction) { $settings.AutomaticStopAction = $Given.stopAction }
    if ($null -ne $Given.startDelay) { $settings.AutomaticStartDelay = [int] $Given.startDelay }
    if ($null -ne $Given.checkpointType) { $settings.CheckpointType = $Given.checkpointType }
    Hyper-V\Set-VM @settings
}

# In one call: a startup value is checked against the old minimum and maximum otherwise.
function Set-CvMemory($Machine, $Memory) {
    $settings = @{ VM = $Machine; ErrorAction = 'Stop'; StartupBytes = [long] $Memory.startup }
    if ($null -ne $Memory.dynamic) { $settings.DynamicMemoryEnabled = [bool] $Memory.dynamic }
    if ($null -ne $Memory.minimum) { $settings.MinimumBytes = [long] $Memory.minimum }
    if ($null -ne $Memory.maximum) { $settings.MaximumBytes = [long] $Memory.maximum }
    if ($null -ne $Memory.buffer) { $settings.Buffer = [int] $Memory.buffer }
    Hyper-V\Set-VMMemory @settings
}

function Set-CvProcessor($Machine, $Given) {
    $settings = @{ VM = $Machine; ErrorAction = 'Stop' }
    if ($null -ne $Given.cpus) { $settings.Count = [long] $Given.cpus }
    if ($null -ne $Given.nested) { $settings.ExposeVirtualizationExtensions = [bool] $Given.nested }
    Hyper-V\Set-VMProcessor @settings
}

# Further controllers are added as places ask for them: there are four at most, with 64 places each.
function Add-CvDiskDrive($Machine, $Disk) {
    if ($Disk.controller -eq 'SCSI') {
        while (@(Hyper-V\Get-VMScsiController -VM $Machine -ErrorAction Stop).Count -le $Disk.number) { Hyper-V\Add-VMScsiController -VM $Machine -ErrorAction Stop }
    }
    Hyper-V\Add-VMHardDiskDrive -VM $Machine -ControllerType $Disk.controller -ControllerNumber $Disk.number -ControllerLocation $Disk.location -Path $Disk.path -ErrorAction Stop
}

function Add-CvDvd($Machine, $Dvd) {
    Hyper-V\Add-VMDvdDrive -VM $Machine -ControllerNumber $Dvd.number -ControllerLocation $Dvd.location -Path $Dvd.path -ErrorAction Stop
}

function Add-CvNic($Machine, $Nic) {
    $given = @{ VM = $Machine; Name = $Nic.name; Passthru = $true; ErrorAction = 'Stop' }
    if ($null -ne $Nic.mac) { $given.StaticMacAddress = $Nic.mac }
    $added = Hyper-V\Add-VMNetworkAdapter @given
    Set-CvNic $added $Nic
}

# The switch by its id: names are not unique, and -Name would take wildcards.
function Set-CvNic($Adapter, $Nic) {
    if ($null -ne $Nic.switchId) { Hyper-V\Connect-VMNetworkAdapter -VMNetworkAdapter $Adapter -VMSwitch (Get-CvSwitch $Nic.switchId) -ErrorAction Stop }
    if ($null -ne $Nic.spoofing) { Hyper-V\Set-VMNetworkAdapter -VMNetworkAdapter $Adapter -MacAddressSpoofing $(if ($Nic.spoofing) { 'On' } else { 'Off' }) -ErrorAction Stop }
    if ($null -ne $Nic.vlan) { Set-CvVlan $Adapter $Nic.vlan }
}

function Set-CvVlan($Adapter, $Vlan) {
    switch ($Vlan.mode) {
        'Untagged' { Hyper-V\Set-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter -Untagged -ErrorAction Stop }
        'Access' { Hyper-V\Set-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter -Access -VlanId ([int] $Vlan.access) -ErrorAction Stop }
        'Trunk' { Hyper-V\Set-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter -Trunk -NativeVlanId ([int] $Vlan.native) -AllowedVlanIdList $Vlan.allowed -ErrorAction Stop }
        default { Stop-Cv 'NoSuchWord' @{ word = $Vlan.mode } }
    }
}

# Disks boot first, in the order of their places, then CDs, then interfaces. What is no device of ours, such as the entry
# of the guest's own boot loader, stays where it was: before all others.
function Set-CvFirmware($Machine, $Firmware) {
    $devices = @(Hyper-V\Get-VMHardDiskDrive -VM $Machine -ErrorAction Stop | Sort-Object -Property ControllerNumber, ControllerLocation)
    $devices += @(Hyper-V\Get-VMDvdDrive -VM $Machine -ErrorAction Stop | Sort-Object -Property ControllerNumber, ControllerLocation)
    $devices += @(Hyper-V\Get-VMNetworkAdapter -VM $Machine -ErrorAction Stop)
    $kept = @((Hyper-V\Get-VMFirmware -VM $Machine -ErrorAction Stop).BootOrder | Where-Object { $_.BootType.ToString() -ne 'Drive' -and $_.BootType.ToString() -ne 'Network' })
    $settings = @{ VM = $Machine; ErrorAction = 'Stop' }
    # The one that is named boots first of all.
    if ($null -ne $Firmware -and $Firmware.boots) {
        $first = @($devices | Where-Object { $_.PSObject.Properties['Path'] -and (Test-CvSamePath ([string] $_.Path) $Firmware.boots) })
        $devices = $first + @($devices | Where-Object { $first -notcontains $_ })
    }
    $order = @($kept) + @($devices)
    if ($order.Count -gt 0) { $settings.BootOrder = $order }
    if ($null -ne $Firmware) {
        $settings.EnableSecureBoot = $(if ($Firmware.secureBoot) { 'On' } else { 'Off' })
        if ($Firmware.secureBoot -and $null -ne $Firmware.template) { $settings.SecureBootTemplate = $Firmware.template }
    }
    Hyper-V\Set-VMFirmware @settings
}

# The key of a TPM lies in the host's own guardian: the machine starts on this host only.
function Set-CvTpm($Machine, [bool] $Wanted) {
    if (-not $Wanted) { return (Hyper-V\Disable-VMTPM -VM $Machine -ErrorAction Stop) }
    Hyper-V\Set-VMKeyProtector -VM $Machine -NewLocalKeyProtector -ErrorAction Stop
    Hyper-V\Enable-VMTPM -VM $Machine -ErrorAction Stop
}

# Changes, in their order; the first that fails ends it, and what was changed before stays. Gives back what is there then.
# The notes come last, so what is to be the machine's own alone is kept from others until then.
$CvRequests['vm.update'] = @{ Function = 'Edit-CvVm'; Beside = $true }
function Edit-CvVm($Arguments) {
    $gate = $null
    try {
        if ($null -ne $Arguments.sole) {
            $gate = Enter-CvGate 'machines'
            Assert-CvSole $Arguments.id $Arguments.sole
        }
        foreach ($change in $Arguments.changes) { Set-CvChange (Get-CvVm $Arguments.id) $change }
    }
    finally { if ($null -ne $gate) { Exit-CvGate $gate } }
    return (Get-CvVmFacts $Arguments.id)
}

function Set-CvChange($Machine, $Change) {
    $with = $Change.with
    switch ($Change.what) {
        'name' { Hyper-V\Rename-VM -VM $Machine -NewName $with.name -ErrorAction Stop }
        'settings' { Set-CvSettings $Machine $with }
        'memory' { Set-CvMemory $Machine $with }
        'processor' { Set-CvProcessor $Machine $with }
        'firmware' { Set-CvFirmware $Machine $with }
        'tpm' { Set-CvTpm $Machine $with.wanted }
        'disk.add' { Add-CvDiskDrive $Machine $with }
        'disk.remove' { Hyper-V\Remove-VMHardDiskDrive -VMHardDiskDrive (Get-CvPart $Machine 'Disk' $with.id) -ErrorAction Stop }
        'dvd.add' { Add-CvDvd $Machine $with }
        # Never by way of no medium: the next one was not found then.
        'dvd.set' { Hyper-V\Set-VMDvdDrive -VMDvdDrive (Get-CvPart $Machine 'Dvd' $with.id) -Path $with.path -ErrorAction Stop }
        'dvd.remove' { Hyper-V\Remove-VMDvdDrive -VMDvdDrive (Get-CvPart $Machine 'Dvd' $with.id) -ErrorAction Stop }
        'nic.add' { Add-CvNic $Machine $with }
        'nic.set' { Set-CvNic (Get-CvPart $Machine 'Nic' $with.id) $with }
        'nic.mac' { Hyper-V\Set-VMNetworkAdapter -VMNetworkAdapter (Get-CvPart $Machine 'Nic' $with.id) -StaticMacAddress $with.mac -ErrorAction Stop }
        'file.remove' { Remove-CvFile $with.path }
        'nic.disconnect' { Hyper-V\Disconnect-VMNetworkAdapter -VMNetworkAdapter (Get-CvPart $Machine 'Nic' $with.id) -ErrorAction Stop }
        'nic.remove' { Hyper-V\Remove-VMNetworkAdapter -VMNetworkAdapter (Get-CvPart $Machine 'Nic' $with.id) -ErrorAction Stop }
        default { Stop-Cv 'NoSuchWord' @{ word = $Change.what } }
    }
}

function Get-CvPart($Machine, [string] $Sort, [string] $Id) {
    $parts = switch ($Sort) {
        'Disk' { Hyper-V\Get-VMHardDiskDrive -VM $Machine -ErrorAction Stop }
        'Dvd' { Hyper-V\Get-VMDvdDrive -VM $Machine -ErrorAction Stop }
        'Nic' { Hyper-V\Get-VMNetworkAdapter -VM $Machine -ErrorAction Stop }
    }
    foreach ($part in @($parts)) { if ([string] $part.Id -eq $Id) { return $part } }
    Stop-Cv 'NoPart' @{ machine = $Machine.Name; id = $Id }
}

# Removes a machine that does not run, the folders that were made for it when they are empty then, and the files that are
# named: its disks stay unless they are among these.
$CvRequests['vm.remove'] = @{ Function = 'Remove-CvVm'; Beside = $true }
function Remove-CvVm($Arguments) {
    $machine = Find-CvVm $Arguments.id
    if ($null -eq $machine) { return @{ removed = $false } }
    $state = $machine.State.ToString()
    if ($state -ne 'Off' -and $state -ne 'Saved') { Stop-Cv 'NotOff' @{ machine = $machine.Name; state = $state } }
    $snapshots = @(Hyper-V\Get-VMSnapshot -VM $machine -ErrorAction Stop)
    if ($snapshots.Count -gt 0 -and -not $Arguments.snapshots) { Stop-Cv 'HasSnapshots' @{ machine = $machine.Name; count = $snapshots.Count } }
    if ($snapshots.Count -gt 0) { Remove-CvSnapshots $Arguments.id $snapshots }
    $path = [string] $machine.Path
    # Before the machine, which alone knows of them: what fails is done by the next attempt.
    foreach ($file in $Arguments.files) { Remove-CvFile $file }
    Hyper-V\Remove-VM -VM (Get-CvVm $Arguments.id) -Force -Confirm:$false -ErrorAction Stop
    Remove-CvEmptyFolder $path
    $parent = [string] [IO.Path]::GetDirectoryName($path)
    if ([IO.Path]::GetFileName($parent) -like 'crossvisor-*') { Remove-CvEmptyFolder $parent }
    return @{ removed = $true }
}

# When checkpoints are gone their disks are merged, and are not to be touched before that has ended.
function Remove-CvSnapshots([string] $Id, $Snapshots) {
    foreach ($snapshot in $Snapshots) {
        if (-not $snapshot.ParentSnapshotId) { Hyper-V\Remove-VMSnapshot -VMSnapshot $snapshot -IncludeAllChildSnapshots -Confirm:$false -ErrorAction Stop }
    }
    while ($true) {
        $machine = Get-CvVm $Id
        $layers = @(Hyper-V\Get-VMHardDiskDrive -VM $machine -ErrorAction Stop | Where-Object { [string] $_.Path -match '\.avhdx?$' })
        if ($layers.Count -eq 0 -and [string] $machine.SecondaryOperationalStatus -ne 'MergingDisks') { return }
        Start-Sleep -Milliseconds 250
    }
}
