# Switches, and the host's own side of them: its adapter, its address, and the translation of addresses (NAT).

function Find-CvSwitch([string] $Id) {
    try { return (Hyper-V\Get-VMSwitch -Id ([guid] $Id) -ErrorAction Stop) }
    catch { return @(Hyper-V\Get-VMSwitch -ErrorAction Stop | Where-Object { [string] $_.Id -eq $Id }) | Select-Object -First 1 }
}
function Get-CvSwitch([string] $Id) {
    $vmSwitch = Find-CvSwitch $Id
    if ($null -eq $vmSwitch) { Stop-Cv 'NoSwitch' @{ id = $Id } }
    return $vmSwitch
}

# All switches, with the host's adapter and addresses on each. The adapter's name is the user's to change: it is found by
# its device id.
function Get-CvSwitches { return (ConvertTo-CvSwitches @(Hyper-V\Get-VMSwitch -ErrorAction Stop)) }
function ConvertTo-CvSwitches($Switches) {
    if ($Switches.Count -eq 0) { return }
    $own = @{}
    foreach ($adapter in @(Hyper-V\Get-VMNetworkAdapter -ManagementOS -ErrorAction Stop)) { $own[[string] $adapter.SwitchId] = [string] $adapter.DeviceId }
    $index = @{}
    $names = @{}
    foreach ($adapter in @(Get-NetAdapter -IncludeHidden -ErrorAction Stop)) {
        $index[[string] $adapter.DeviceID] = [int] $adapter.ifIndex
        $names[[string] $adapter.InterfaceDescription] = [string] $adapter.Name
    }
    $addresses = @(Get-NetIPAddress -ErrorAction Stop)
    foreach ($vmSwitch in $Switches) {
        $device = $own[[string] $vmSwitch.Id]
        $interface = $(if ($device) { $index[$device] })
        @{
            id           = [string] $vmSwitch.Id
            name         = $vmSwitch.Name
            type         = $vmSwitch.SwitchType.ToString()
            notes        = [string] $vmSwitch.Notes
            managementOS = [bool] $vmSwitch.AllowManagementOS
            adapters     = @(foreach ($description in $vmSwitch.NetAdapterInterfaceDescriptions) {
                    if ($description) { $(if ($names.ContainsKey($description)) { $names[$description] } else { $description }) }
                })
            interface    = $interface
            addresses    = @(foreach ($address in $addresses) {
                    if ($null -ne $interface -and [int] $address.InterfaceIndex -eq $interface) {
                        @{ address = [string] $address.IPAddress; prefix = [int] $address.PrefixLength }
                    }
                })
        }
    }
}

function Get-CvNats {
    foreach ($nat in @(Get-NetNat -ErrorAction Stop)) {
        @{ name = $nat.Name; prefix = [string] $nat.InternalIPInterfaceAddressPrefix }
    }
}

$CvRequests['switch.get'] = @{ Function = 'Get-CvOneSwitch' }
function Get-CvOneSwitch($Arguments) {
    $vmSwitch = Find-CvSwitch $Arguments.id
    return @{ switch = $(if ($null -ne $vmSwitch) { ConvertTo-CvSwitches @($vmSwitch) }); nats = @(Get-CvNats); dhcp = Get-CvDhcp }
}

# The host's own adapters: those of switches on its side are not among them.
$CvRequests['host.adapters'] = @{ Function = 'Get-CvAdapters' }
function Get-CvAdapters {
    $own = @(foreach ($one in @(Hyper-V\Get-VMNetworkAdapter -ManagementOS -ErrorAction Stop)) { [string] $one.DeviceId })
    $names = @(foreach ($one in @(Get-NetAdapter -ErrorAction Stop)) { if ($own -notcontains [string] $one.DeviceID) { [string] $one.Name } })
    return @{ names = $names }
}

# Makes a switch with all that belongs to it, or nothing. `host` is the host's address on it, `nat` the translation, `scope`
# what is handed out.
$CvRequests['switch.create'] = @{ Function = 'New-CvSwitch'; Beside = $true }
function New-CvSwitch($Arguments) {
    $done = $false
    if ($Arguments.type -eq 'External') {
        $vmSwitch = Hyper-V\New-VMSwitch -Name $Arguments.name -NetAdapterName $Arguments.adapters -AllowManagementOS ([bool] $Arguments.managementOS) -Notes $Arguments.notes -ErrorAction Stop
    }
    else { $vmSwitch = Hyper-V\New-VMSwitch -Name $Arguments.name -SwitchType $Arguments.type -Notes $Arguments.notes -ErrorAction Stop }
    try {
        if ($null -ne $Arguments.host) { Add-CvHostAddress $vmSwitch $Arguments.host }
        if ($null -ne $Arguments.nat) { Add-CvNat $Arguments.nat }
        if ($null -ne $Arguments.scope) { Set-CvScope (Get-CvInterface $vmSwitch) $Arguments.scope }
        $facts = ConvertTo-CvSwitches @(Get-CvSwitch $vmSwitch.Id)
        $done = $true
    }
    finally {
        if (-not $done) {
            if ($null -ne $Arguments.scope) { Remove-CvScope $Arguments.scope.id }
            if ($null -ne $Arguments.nat) { Remove-CvNat $Arguments.nat.name $Arguments.nat.prefix }
            Hyper-V\Remove-VMSwitch -VMSwitch $vmSwitch -Force -Confirm:$false -ErrorAction SilentlyContinue
        }
    }
    return $facts
}

# The adapter of a new switch comes up a little later. Seconds until it is missed.
$CvAdapterLimit = 30
function Get-CvInterface($VMSwitch) {
    $end = [datetime]::UtcNow.AddSeconds($CvAdapterLimit)
    while ($true) {
        $known = ConvertTo-CvSwitches @(Get-CvSwitch $VMSwitch.Id)
        if ($null -ne $known.interface) { return $known.interface }
        if ([datetime]::UtcNow -gt $end) { Stop-Cv 'NoAdapter' @{ switch = $VMSwitch.Name; seconds = $CvAdapterLimit } }
        Start-Sleep -Milliseconds 200
    }
}

# What the adapter had by itself, such as an address it chose when it found no server, goes.
function Add-CvHostAddress($VMSwitch, $Address) {
    $interface = Get-CvInterface $VMSwitch
    foreach ($old in @(Get-NetIPAddress -ErrorAction Stop | Where-Object { [int] $_.InterfaceIndex -eq $interface -and [string] $_.AddressFamily -eq 'IPv4' })) {
        if ([string] $old.IPAddress -eq $Address.address -and [int] $old.PrefixLength -eq $Address.prefix) { return }
        Remove-NetIPAddress -InterfaceIndex $interface -IPAddress $old.IPAddress -Confirm:$false -ErrorAction Stop
    }
    [void] (New-NetIPAddress -InterfaceIndex $interface -IPAddress $Address.address -PrefixLength $Address.prefix -AddressFamily IPv4 -Confirm:$false -ErrorAction Stop)
}

# Calls that change NAT hinder each other: one at a time on this host, and again when another program was at it.
function Invoke-CvNat([scriptblock] $Step) {
    $gate = Enter-CvGate 'nat'
    try {
        foreach ($pause in 250, 500, 1000, 0) {
            try { return (& $Step) }
            catch {
                $busy = $_.FullyQualifiedErrorId -like 'Windows System Error 52,*' -or $_.FullyQualifiedErrorId -like 'Windows System Error 32,*'
                if (-not $busy -or $pause -eq 0) { throw }
                Start-Sleep -Milliseconds $pause
            }
        }
    }
    finally { Exit-CvGate $gate }
}

function Add-CvNat($Nat) {
    foreach ($one in @(Get-CvNats)) {
        if ($one.name -eq $Nat.name -and $one.prefix -eq $Nat.prefix) { return }
        if ($one.prefix -eq $Nat.prefix) { Stop-Cv 'NatTaken' @{ prefix = $Nat.prefix; name = $one.name } }
    }
    [void] (Invoke-CvNat { New-NetNat -Name $Nat.name -InternalIPInterfaceAddressPrefix $Nat.prefix -Confirm:$false -ErrorAction Stop })
}

function Remove-CvNat([string] $Name, [string] $Prefix) {
    foreach ($one in @(Get-CvNats)) {
        if ($one.name -eq $Name -and $one.prefix -eq $Prefix) { Invoke-CvNat { Remove-NetNat -Name $Name -Confirm:$false -ErrorAction Stop } }
    }
}

# Changes in their order, as those of machines.
$CvRequests['switch.update'] = @{ Function = 'Edit-CvSwitch'; Beside = $true }
function Edit-CvSwitch($Arguments) {
    foreach ($change in $Arguments.changes) {
        $vmSwitch = Get-CvSwitch $Arguments.id
        $with = $change.with
        switch ($change.what) {
            'name' { Hyper-V\Rename-VMSwitch -VMSwitch $vmSwitch -NewName $with.name -ErrorAction Stop }
            'notes' { Hyper-V\Set-VMSwitch -VMSwitch $vmSwitch -Notes $with.notes -ErrorAction Stop }
            'type' { Hyper-V\Set-VMSwitch -VMSwitch $vmSwitch -SwitchType $with.type -ErrorAction Stop }
            'managementOS' { Hyper-V\Set-VMSwitch -VMSwitch $vmSwitch -AllowManagementOS ([bool] $with.wanted) -ErrorAction Stop }
            'host' { Add-CvHostAddress $vmSwitch $with }
            'nat.add' { Add-CvNat $with }
            'nat.remove' { Remove-CvNat $with.name $with.prefix }
            'scope.set' { Set-CvScope (Get-CvInterface $vmSwitch) $with }
            'scope.remove' { Remove-CvScope $with.id }
            default { Stop-Cv 'NoSuchWord' @{ word = $change.what } }
        }
    }
    return (ConvertTo-CvSwitches @(Get-CvSwitch $Arguments.id))
}

# What is handed out and NAT go first, then the address, then the switch. Of an external switch the host gets its address back before.
$CvRequests['switch.remove'] = @{ Function = 'Remove-CvSwitch'; Beside = $true }
function Remove-CvSwitch($Arguments) {
    if ($null -ne $Arguments.scope) { Remove-CvScope $Arguments.scope }
    if ($null -ne $Arguments.nat) { Remove-CvNat $Arguments.nat.name $Arguments.nat.prefix }
    $vmSwitch = Find-CvSwitch $Arguments.id
    if ($null -eq $vmSwitch) { return @{ removed = $false } }
    $plugged = @(Hyper-V\Get-VMNetworkAdapter -All -ErrorAction Stop | Where-Object { -not $_.IsManagementOs -and [string] $_.SwitchId -eq [string] $vmSwitch.Id })
    if ($plugged.Count -gt 0) { Stop-Cv 'SwitchInUse' @{ switch = $vmSwitch.Name; machine = [string] $plugged[0].VMName } }
    if ($vmSwitch.SwitchType.ToString() -eq 'External' -and $vmSwitch.AllowManagementOS) {
        Hyper-V\Set-VMSwitch -VMSwitch $vmSwitch -AllowManagementOS $false -ErrorAction Stop
    }
    Hyper-V\Remove-VMSwitch -VMSwitch (Get-CvSwitch $Arguments.id) -Force -Confirm:$false -ErrorAction Stop
    return @{ removed = $true }
}
