# The whole host in one answer, for a refresh of everything. A list that fails is an error and never an empty list.

$CvRequests['host.inventory'] = @{ Function = 'Get-CvInventory' }
function Get-CvInventory($Arguments) {
    $machines = @(Get-CvMachines)
    $pools = @(Get-CvPools)
    $paths = New-Object Collections.ArrayList
    foreach ($machine in $machines) {
        foreach ($disk in $machine.disks) { foreach ($path in $disk.path, $disk.layer) { if ($path) { [void] $paths.Add($path) } } }
    }
    foreach ($pool in $pools) { foreach ($path in (Get-CvDiskFiles $pool.path)) { [void] $paths.Add($path) } }
    return @{
        machines = $machines
        switches = @(Get-CvSwitches)
        nats     = @(Get-CvNats)
        dhcp     = Get-CvDhcp
        disks    = @(Get-CvDisks $paths)
        pools    = $pools
    }
}

# All machines, with one call for each sort of part however many machines there are. One that is removed meanwhile makes
# such a call fail: then all is read again.
function Get-CvMachines {
    for ($attempt = 1; ; $attempt++) {
        try { return @(ConvertTo-CvMachines @(Hyper-V\Get-VM -ErrorAction Stop)) }
        catch { if ($attempt -ge 3) { throw } }
    }
}

# Parts by the machine they belong to.
function Group-CvParts($Parts) {
    $groups = @{}
    foreach ($part in $Parts) {
        $id = [string] $part.VMId
        if (-not $groups.ContainsKey($id)) { $groups[$id] = New-Object Collections.ArrayList }
        [void] $groups[$id].Add($part)
    }
    return $groups
}

function ConvertTo-CvMachines($Machines) {
    if ($Machines.Count -eq 0) { return }
    $second = @($Machines | Where-Object { $_.Generation -eq 2 })
    $parts = @{
        Memory    = Group-CvParts @(Hyper-V\Get-VMMemory -VM $Machines -ErrorAction Stop)
        Processor = Group-CvParts @(Hyper-V\Get-VMProcessor -VM $Machines -ErrorAction Stop)
        Nic       = Group-CvParts @(Hyper-V\Get-VMNetworkAdapter -VM $Machines -ErrorAction Stop)
        Disk      = Group-CvParts @(Hyper-V\Get-VMHardDiskDrive -VM $Machines -ErrorAction Stop)
        Dvd       = Group-CvParts @(Hyper-V\Get-VMDvdDrive -VM $Machines -ErrorAction Stop)
        Snapshot  = Group-CvParts @(Hyper-V\Get-VMSnapshot -VM $Machines -ErrorAction Stop)
        Firmware  = @{}
        Security  = @{}
    }
    if ($second.Count -gt 0) {
        $parts.Firmware = Group-CvParts @(Hyper-V\Get-VMFirmware -VM $second -ErrorAction Stop)
        $parts.Security = Group-CvParts @(Hyper-V\Get-VMSecurity -VM $second -ErrorAction Stop)
    }
    $addresses = Find-CvAddresses $Machines $parts.Nic
    foreach ($machine in $Machines) { ConvertTo-CvMachine $machine $parts $addresses }
}

function ConvertTo-CvMachine($Machine, $Parts, $Addresses) {
    $id = [string] $Machine.Id
    $own = @{}
    foreach ($sort in $Parts.Keys) { $own[$sort] = @(if ($Parts[$sort].ContainsKey($id)) { $Parts[$sort][$id] }) }
    $memory = $own.Memory[0]
    return @{
        id             = $id
        name           = $Machine.Name
        state          = $Machine.State.ToString()
        notes          = [string] $Machine.Notes
        generation     = [int] $Machine.Generation
        version        = [string] $Machine.Version
        path           = [string] $Machine.Path
        uptime         = [long] $Machine.Uptime.TotalSeconds
        heartbeat      = [string] $Machine.Heartbeat
        merging        = [string] $Machine.SecondaryOperationalStatus -eq 'MergingDisks'
        startAction    = $Machine.AutomaticStartAction.ToString()
        stopAction     = $Machine.AutomaticStopAction.ToString()
        startDelay     = [int] $Machine.AutomaticStartDelay
        checkpointType = $Machine.CheckpointType.ToString()
        cpus           = [int] $Machine.ProcessorCount
        nested         = [bool] $own.Processor[0].ExposeVirtualizationExtensions
        memory         = @{
            startup  = [long] $memory.Startup
            minimum  = [long] $memory.Minimum
            maximum  = [long] $memory.Maximum
            dynamic  = [bool] $memory.DynamicMemoryEnabled
            buffer   = [int] $memory.Buffer
            assigned = [long] $Machine.MemoryAssigned
        }
        firmware       = $(if ($own.Firmware.Count -gt 0) { ConvertTo-CvFirmware $own.Firmware[0] })
        tpm            = $own.Security.Count -gt 0 -and [bool] $own.Security[0].TpmEnabled
        nics           = @(foreach ($nic in $own.Nic) { ConvertTo-CvNic $nic $Addresses[[string] $nic.Id] })
        disks          = @(foreach ($disk in $own.Disk) { ConvertTo-CvDrive $disk })
        dvds           = @(foreach ($dvd in $own.Dvd) { ConvertTo-CvDrive $dvd })
        snapshots      = @(foreach ($snapshot in $own.Snapshot) { @{ id = [string] $snapshot.Id; name = $snapshot.Name } })
    }
}

function ConvertTo-CvFirmware($Firmware) {
    return @{
        secureBoot = $Firmware.SecureBoot.ToString() -eq 'On'
        template   = [string] $Firmware.SecureBootTemplate
        templateId = [string] $Firmware.SecureBootTemplateId
        # An entry may have no device: its file is gone, or it is the guest's own.
        bootOrder  = @(foreach ($entry in $Firmware.BootOrder) {
                @{
                    type   = $entry.BootType.ToString()
                    device = $(if ($null -ne $entry.Device) { [string] $entry.Device.Id })
                    path   = [string] $entry.FirmwarePath
                }
            })
    }
}

# The guest's own word on its addresses goes before what was found out otherwise.
function ConvertTo-CvNic($Nic, $Found) {
    $vlan = $Nic.VlanSetting
    $told = @(Get-CvTold $Nic)
    return @{
        id         = [string] $Nic.Id
        name       = $Nic.Name
        switchId   = [string] $Nic.SwitchId
        switch     = [string] $Nic.SwitchName
        mac        = [string] $Nic.MacAddress
        dynamicMac = [bool] $Nic.DynamicMacAddressEnabled
        legacy     = [bool] $Nic.IsLegacy
        spoofing   = $Nic.MacAddressSpoofing.ToString() -eq 'On'
        addresses  = @(foreach ($address in $(if ($told.Count -gt 0) { $told } else { $Found })) { [string] $address })
        vlan       = @{
            mode    = $vlan.OperationMode.ToString()
            access  = [int] $vlan.AccessVlanId
            native  = [int] $vlan.NativeVlanId
            allowed = [string] $vlan.AllowedVlanIdListString
        }
    }
}

# More than the checkpoints of any machine.
$CvDeepestLayer = 64

# A checkpoint lays a layer over each disk; the disk that was given to the machine is under all of them.
function Get-CvBelowLayers([string] $Path) {
    for ($i = 0; $Path -match '\.avhdx?$' -and $i -lt $CvDeepestLayer; $i++) {
        # One that cannot be read is called after the disk that it lies over, with a GUID.
        try { $Path = [string] (Hyper-V\Get-VHD -Path $Path -ErrorAction Stop).ParentPath }
        catch { return ($Path -replace '_[0-9A-Fa-f-]{36}\.avhd(x?)$', '.vhd$1') }
    }
    return $Path
}

function ConvertTo-CvDrive($Drive) {
    $path = Get-CvBelowLayers ([string] $Drive.Path)
    return @{
        id         = [string] $Drive.Id
        controller = $Drive.ControllerType.ToString()
        number     = [int] $Drive.ControllerNumber
        location   = [int] $Drive.ControllerLocation
        path       = $path
        layer      = $(if ($path -ne [string] $Drive.Path) { [string] $Drive.Path })
    }
}
