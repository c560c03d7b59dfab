# Network adapters of machines, their VLANs, and switches.

function New-NicRecord([string]$Name, [string]$SwitchId, [string]$Mac, [bool]$Legacy) {
    [ordered]@{
        id = [Guid]::NewGuid().ToString().ToUpperInvariant(); name = $Name; switch = $SwitchId; legacy = $Legacy
        dynamic = -not $Mac; mac = if ($Mac) { $Mac } else { '000000000000' }; spoofing = 'Off'; dhcpGuard = 'Off'; routerGuard = 'Off'; deviceNaming = 'Off'
        vlan = @{ mode = 'Untagged'; access = 0; native = 0; allowed = '' }; addresses = [object[]]@()
    }
}
function Add-Nic($Vm, [string]$Name, [string]$SwitchId, [string]$Mac, [bool]$Legacy) { $Vm.nics = [object[]](@($Vm.nics) + @(New-NicRecord $Name $SwitchId $Mac $Legacy)) }

# A MAC as Hyper-V keeps it: twelve hexadecimal digits.
function ConvertTo-Mac([string]$Text) {
    $mac = ($Text -replace '[:\-.]', '').ToUpperInvariant()
    if ($mac -notmatch '^[0-9A-F]{12}$' -or $mac -match '^.[13579BDF]') { Deny-Argument "The MAC address '$Text' is not valid." }
    $mac
}

# The next free one of the host's pool.
function New-PoolMac($Vm) {
    $used = @{}
    foreach ($other in @(Get-Records 'vm') + @($Vm)) { foreach ($nic in $other.nics) { $used[[string]$nic.mac] = $true } }
    $from = [Convert]::ToInt64($settings.macMinimum, 16)
    $to = [Convert]::ToInt64($settings.macMaximum, 16)
    for ($mac = $from; $mac -le $to; $mac++) { $text = $mac.ToString('X12'); if (-not $used[$text]) { return $text } }
    Fail 'OperationFailed' 'NotSpecified' 'The pool of dynamic MAC addresses is used up.' 0x80131500
}

function New-Nic($Vm, $Nic) {
    $object = New-Part VMNetworkAdapter $Vm $Nic.name $Nic.id
    Set-NicFields $object $Nic
    $object.IsManagementOs = $false
    $object.IsLegacy = [bool]$Nic.legacy
    $object.DynamicMacAddressEnabled = [bool]$Nic.dynamic
    $object.IPAddresses = [string[]]@(if ((Get-LiveState $Vm) -eq 'Running' -and 'pairs' -ne $settings.kvp) { Get-GuestAddress $Vm $Nic })
    $object.ClusterMonitored = $true
    $object
}
function Set-NicFields($Object, $Nic) {
    $switch = if ($Nic.switch) { Get-Record "switch/$($Nic.switch)" }
    $Object.AdapterId = $Nic.id
    $Object.SwitchId = if ($Nic.switch) { $Nic.switch } else { '' }
    $Object.SwitchName = if ($switch) { $switch.name } else { '' }
    $Object.Connected = [bool]$switch
    $Object.MacAddress = $Nic.mac
    foreach ($pair in @('MacAddressSpoofing', 'spoofing'), @('DhcpGuard', 'dhcpGuard'), @('RouterGuard', 'routerGuard'), @('DeviceNaming', 'deviceNaming')) { $Object.($pair[0]) = ConvertTo-Enum OnOffState $Nic.($pair[1]) }
    $Object.PortMirroringMode = ConvertTo-Enum VMNetworkAdapterPortMirroringMode 'None'
    $Object.VlanSetting = New-Vlan $Object $Nic.vlan
    $Object.Status = [object[]]@(ConvertTo-Enum VMOperationalStatus 'Ok')
    $Object.StatusDescription = [string[]]@('OK')
}
function New-Vlan($Adapter, $Vlan) {
    $object = [Microsoft.HyperV.PowerShell.VMNetworkAdapterVlanSetting]::new()
    $object.VMId = $Adapter.VMId
    $object.VMName = $Adapter.VMName
    $object.ParentAdapter = $Adapter
    $object.OperationMode = ConvertTo-Enum VMNetworkAdapterVlanMode $Vlan.mode
    $object.AccessVlanId = [int]$Vlan.access
    $object.NativeVlanId = [int]$Vlan.native
    $object.AllowedVlanIdListString = $Vlan.allowed
    $object.AllowedVlanIdList = Expand-Vlans $Vlan.allowed
    $object
}

# "1-3,7" as numbers.
function Expand-Vlans([string]$Text) {
    if (-not $Text) { return , [int[]]@() }
    $all = foreach ($part in $Text.Split(',')) {
        if ($part -notmatch '^\s*(\d+)(?:-(\d+))?\s*$') { Deny-Argument "The VLAN list '$Text' is not valid." }
        $last = if ($Matches[2]) { $Matches[2] } else { $Matches[1] }
        [int]$Matches[1]..[int]$last
    }
    foreach ($id in $all) { if ($id -lt 1 -or $id -gt 4094) { Deny-Argument "The VLAN $id is out of range." } }
    , [int[]]@($all)
}

function New-HostNic($Switch) {
    $object = [Microsoft.HyperV.PowerShell.VMInternalNetworkAdapter]::new()
    $object.Name = $Switch.name
    $object.Id = "Microsoft:$($Switch.id)\$($Switch.port)"
    $object.DeviceId = '{' + $Switch.device + '}'
    $object.VMName = ''
    $nic = [pscustomobject]@{ id = $Switch.port; switch = $Switch.id; mac = $Switch.mac; spoofing = 'Off'; dhcpGuard = 'Off'; routerGuard = 'Off'; deviceNaming = 'Off'; vlan = $Switch.vlan }
    Set-NicFields $object $nic
    $object.IsManagementOs = $true
    $object.IPAddresses = [string[]]@(Get-Records 'address' | Where-Object { $_.interface -eq $Switch.interface } | ForEach-Object { $_.address })
    $object
}

Register 'Get-VMNetworkAdapter' {
    param($P)
    $name = if ($P.ContainsKey('VMNetworkAdapterName')) { $P.VMNetworkAdapterName } elseif ($P.ContainsKey('Name')) { $P.Name } else { '*' }
    if ($P['ManagementOS'] -or $P['All']) {
        foreach ($switch in @(Get-Records 'switch')) {
            # The adapter on the host's side comes a moment after the switch.
            if (-not $switch.interface -or (Get-Now) -lt $switch.visible -or ($P.ContainsKey('SwitchName') -and $switch.name -ne $P.SwitchName) -or -not ($switch.name -like $name)) { continue }
            New-HostNic $switch
        }
        if ($P['ManagementOS']) { return }
    }
    $chosen = if ($P['All']) { Get-Records 'vm' } else { $null = $P.Remove('Name'); Select-Machine $P }
    foreach ($vm in @($chosen)) { foreach ($nic in $vm.nics) { if ($nic.name -like $name) { New-Nic $vm $nic } } }
}

Register 'Add-VMNetworkAdapter' {
    param($P)
    if ($P['ManagementOS']) { Deny-Argument 'Adapters of the management system are not simulated.' }
    $switch = if ($P.ContainsKey('SwitchName')) { Get-KnownSwitch $P.SwitchName }
    $mac = if ($P.ContainsKey('StaticMacAddress')) { ConvertTo-Mac $P.StaticMacAddress }
    $name = if ($P.ContainsKey('Name')) { $P.Name } elseif ($P.ContainsKey('VMNetworkAdapterName')) { $P.VMNetworkAdapterName } else { 'Network Adapter' }
    $null = $P.Remove('Name')
    foreach ($one in @(Select-Machine $P)) {
        Edit-Machine $one.id {
            param($vm)
            # Generation 2 takes adapters while it runs; generation 1 does not.
            if ($vm.generation -eq 1) { Assert-Off $vm }
            $limit = if ($settings.version -eq '2016') { 8 } else { 64 }
            if (@($vm.nics).Count -ge $limit) { Deny-Argument "The virtual machine has $limit network adapters already." }
            Add-Nic $vm $name $switch.id $mac ([bool]$P['IsLegacy'])
            if (-not (Test-Off $vm) -and -not $mac) { $vm.nics[-1].mac = New-PoolMac $vm }
            foreach ($pair in @('DeviceNaming', 'deviceNaming')) { if ($P.ContainsKey($pair[0])) { $vm.nics[-1].($pair[1]) = [string]$P[$pair[0]] } }
        }
        if ($P['Passthru']) { $vm = Get-Record "vm/$($one.id)"; New-Nic $vm $vm.nics[-1] }
    }
}

# Changes the adapters that a call means: objects, or those of a machine, by name where one is given.
function Edit-Nic($P, [scriptblock]$Block) {
    $name = if ($P.ContainsKey('VMNetworkAdapterName')) { $P.VMNetworkAdapterName } elseif ($P.ContainsKey('Name') -and ($P.ContainsKey('VM') -or $P.ContainsKey('VMName'))) { $P.Name } else { '*' }
    $ids = if ($P.ContainsKey('VMNetworkAdapter')) { @($P.VMNetworkAdapter | ForEach-Object { $_.AdapterId }) }
    if ($name -ne '*') { $null = $P.Remove('Name') }
    foreach ($one in @(Select-Machine $P | Sort-Object id -Unique)) {
        Edit-Machine $one.id {
            param($vm)
            $hit = @($vm.nics | Where-Object { if ($ids) { $ids -contains $_.id } else { $_.name -like $name } })
            if ($hit.Count -eq 0) { Deny-Missing 'network adapter' ([string]$name) }
            foreach ($nic in $hit) { & $Block $vm $nic }
        }
        if ($P['Passthru']) { $vm = Get-Record "vm/$($one.id)"; foreach ($nic in $vm.nics) { if ($ids -contains $nic.id -or -not $ids) { New-Nic $vm $nic } } }
    }
}

Register 'Remove-VMNetworkAdapter' {
    param($P)
    Edit-Nic $P {
        param($vm, $nic)
        if ($vm.generation -eq 1) { Assert-Off $vm }
        $vm.nics = [object[]]@($vm.nics | Where-Object { $_.id -ne $nic.id })
    }
}
Register 'Connect-VMNetworkAdapter' {
    param($P)
    $switch = if ($P.ContainsKey('VMSwitch')) { Get-KnownSwitch $P.VMSwitch.Name } else { Get-KnownSwitch $P.SwitchName }
    Edit-Nic $P { param($vm, $nic) $nic.switch = $switch.id }
}
Register 'Disconnect-VMNetworkAdapter' { param($P) Edit-Nic $P { param($vm, $nic) $nic.switch = '' } }
Register 'Rename-VMNetworkAdapter' { param($P) Edit-Nic $P { param($vm, $nic) $nic.name = $P.NewName } }
Register 'Set-VMNetworkAdapter' {
    param($P)
    $mac = if ($P.ContainsKey('StaticMacAddress')) { ConvertTo-Mac $P.StaticMacAddress }
    Edit-Nic $P {
        param($vm, $nic)
        if ($mac -or $P['DynamicMacAddress']) { Assert-Off $vm }
        if ($mac) { $nic.mac = $mac; $nic.dynamic = $false }
        if ($P['DynamicMacAddress'] -and -not $nic.dynamic) { $nic.mac = '000000000000'; $nic.dynamic = $true }
        foreach ($pair in @('MacAddressSpoofing', 'spoofing'), @('DhcpGuard', 'dhcpGuard'), @('RouterGuard', 'routerGuard'), @('DeviceNaming', 'deviceNaming')) { if ($P.ContainsKey($pair[0])) { $nic.($pair[1]) = [string]$P[$pair[0]] } }
    }
}

Register 'Get-VMNetworkAdapterVlan' {
    param($P)
    if ($P.ContainsKey('VMNetworkAdapter')) { $adapters = $P.VMNetworkAdapter } else { $adapters = & $commands['Get-VMNetworkAdapter'] $P }
    foreach ($adapter in $adapters) {
        if ($adapter.IsManagementOs) { $adapter.VlanSetting; continue }
        $vm = Get-Record "vm/$($adapter.VMId)"
        $nic = $vm.nics | Where-Object { $_.id -eq $adapter.AdapterId }
        if ($null -eq $nic) { Deny-Missing 'network adapter' $adapter.Name }
        New-Vlan $adapter $nic.vlan
    }
}
Register 'Set-VMNetworkAdapterVlan' {
    param($P)
    $vlan = if ($P['Untagged']) { @{ mode = 'Untagged'; access = 0; native = 0; allowed = '' } }
    elseif ($P['Access']) { @{ mode = 'Access'; access = [int]$P.VlanId; native = 0; allowed = '' } }
    elseif ($P['Trunk']) { @{ mode = 'Trunk'; access = 0; native = [int]$P.NativeVlanId; allowed = $P.AllowedVlanIdList } }
    else { Deny-Argument 'Private VLANs are not simulated.' }
    if ($P.ContainsKey('VlanId')) { $null = Expand-Vlans ([string]$P.VlanId) }
    if ($vlan.allowed) { $null = Expand-Vlans $vlan.allowed }
    Edit-Nic $P { param($vm, $nic) $nic.vlan = $vlan }
}
