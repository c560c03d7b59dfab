# Addresses of guests whose services told none for their network adapters, as the host can know them otherwise. Every answer
# covers all machines, and nothing is asked while each adapter of a running machine has told one.

# What a guest's own services told for a network adapter.
function Get-CvTold($Nic) { foreach ($address in $Nic.IPAddresses) { if ($address) { $address } } }

# Addresses by the id of the network adapter: what the guest wrote into the exchange of key/value pairs, where it has one
# adapter only (it does not say which has which); for the rest, whom the host knows as a neighbour with that MAC.
function Find-CvAddresses($Machines, $Nics) {
    $silent = @{}
    $lone = @{}
    foreach ($machine in $Machines) {
        $id = [string] $machine.Id
        if ($machine.State.ToString() -ne 'Running' -or -not $Nics.ContainsKey($id)) { continue }
        foreach ($nic in $Nics[$id]) {
            if (@(Get-CvTold $nic).Count -gt 0) { continue }
            $silent[[string] $nic.MacAddress] = [string] $nic.Id
            if ($Nics[$id].Count -eq 1) { $lone[$id] = $nic }
        }
    }
    $found = @{}
    foreach ($one in @(Get-CvExchanged $lone)) {
        $found[[string] $one.nic.Id] = @($one.addresses)
        $silent.Remove([string] $one.nic.MacAddress)
    }
    foreach ($one in @(Get-CvNeighbours $silent)) { $found[$one.nic] = @($found[$one.nic] | Where-Object { $_ }) + $one.address }
    return $found
}

# Both are more than the host owes: one that cannot be asked leaves a machine without an address, and nothing else.
function Get-CvExchanged($Lone) {
    if ($Lone.Count -eq 0) { return }
    try { $exchanges = @(Get-CimInstance -Namespace 'root\virtualization\v2' -ClassName 'Msvm_KvpExchangeComponent' -ErrorAction Stop) }
    catch { return }
    foreach ($exchange in $exchanges) {
        $id = ([string] $exchange.SystemName).ToLowerInvariant()
        if (-not $Lone.ContainsKey($id)) { continue }
        $addresses = @(foreach ($item in $exchange.GuestIntrinsicExchangeItems) { Read-CvAddressItem $item })
        if ($addresses.Count -gt 0) { @{ nic = $Lone[$id]; addresses = $addresses } }
    }
}

# One pair as the guest wrote it, in XML; what is not well-formed tells nothing.
function Read-CvAddressItem([string] $Item) {
    try { $pair = [xml] $Item } catch { return }
    $fields = @{}
    foreach ($property in $pair.INSTANCE.PROPERTY) { $fields[[string] $property.NAME] = [string] $property.VALUE }
    if ('NetworkAddressIPv4', 'NetworkAddressIPv6' -notcontains $fields.Name) { return }
    foreach ($address in ([string] $fields.Data).Split(';')) { if ($address) { $address } }
}

function Get-CvNeighbours($Silent) {
    if ($Silent.Count -eq 0) { return }
    try { $neighbours = @(Get-NetNeighbor -ErrorAction Stop) } catch { return }
    foreach ($neighbour in $neighbours) {
        if ('Unreachable', 'Incomplete' -contains [string] $neighbour.State) { continue }
        $mac = ([string] $neighbour.LinkLayerAddress) -replace '[-:]', ''
        if ($Silent.ContainsKey($mac)) { @{ nic = $Silent[$mac]; address = [string] $neighbour.IPAddress } }
    }
}
