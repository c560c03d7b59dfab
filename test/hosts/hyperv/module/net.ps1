# The host's own network: adapters, addresses, neighbours, NAT, and the DHCP role.

function Get-Interfaces {
    foreach ($adapter in Get-Records 'adapter') { [pscustomobject]@{ name = $adapter.name; description = $adapter.description; index = $adapter.index; guid = $adapter.guid; mac = $adapter.mac; virtual = $false; status = 'Up' } }
    foreach ($switch in Get-Records 'switch') {
        if (-not $switch.interface -or (Get-Now) -lt $switch.visible) { continue }
        [pscustomobject]@{ name = $switch.alias; description = 'Hyper-V Virtual Ethernet Adapter'; index = $switch.interface; guid = $switch.device; mac = $switch.mac; virtual = $true; status = 'Up' }
    }
}

Register 'Get-NetAdapter' {
    param($P)
    $hit = @(Get-Interfaces | Where-Object {
            $one = $_
            (-not $P.ContainsKey('Name') -or @($P.Name | Where-Object { $one.name -like $_ }).Count) -and (-not $P.ContainsKey('InterfaceIndex') -or $P.InterfaceIndex -contains $one.index) -and
            (-not $P.ContainsKey('InterfaceDescription') -or @($P.InterfaceDescription | Where-Object { $one.description -like $_ }).Count) -and (-not $P['Physical'] -or -not $one.virtual)
        })
    if ($hit.Count -eq 0 -and ($P.ContainsKey('Name') -or $P.ContainsKey('InterfaceIndex'))) { Deny-NoCimObject 'MSFT_NetAdapter' "property 'Name' equal to '$($P['Name'])$($P['InterfaceIndex'])'" }
    foreach ($one in $hit) {
        New-Cim 'ROOT/StandardCimv2/MSFT_NetAdapter' ([ordered]@{ Name = $one.name; InterfaceAlias = $one.name; InterfaceDescription = $one.description; InterfaceIndex = [uint32]$one.index; ifIndex = [uint32]$one.index; DeviceID = '{' + $one.guid + '}'; InterfaceGuid = '{' + $one.guid + '}'; MacAddress = ($one.mac -replace '(..)(?!$)', '$1-'); Status = $one.status; Virtual = $one.virtual; HardwareInterface = -not $one.virtual; LinkSpeed = '10 Gbps'; MediaConnectionState = 'Connected' })
    }
}

Register 'Get-NetIPInterface' { param($P) foreach ($one in Get-Interfaces) { if (-not $P.ContainsKey('InterfaceIndex') -or $P.InterfaceIndex -contains $one.index) { New-Cim 'ROOT/StandardCimv2/MSFT_NetIPInterface' ([ordered]@{ InterfaceIndex = [uint32]$one.index; ifIndex = [uint32]$one.index; InterfaceAlias = $one.name; AddressFamily = 'IPv4'; NlMtu = [uint32]1500; Dhcp = 'Disabled'; ConnectionState = 'Connected'; Forwarding = 'Disabled' }) } } }

function ConvertTo-Address($Record) {
    $alias = @(Get-Interfaces | Where-Object { $_.index -eq $Record.interface } | ForEach-Object { $_.name })
    New-Cim 'ROOT/StandardCimv2/MSFT_NetIPAddress' ([ordered]@{ IPAddress = $Record.address; InterfaceIndex = [uint32]$Record.interface; ifIndex = [uint32]$Record.interface; InterfaceAlias = "$alias"; AddressFamily = if ($Record.address -match ':') { 'IPv6' } else { 'IPv4' }; PrefixLength = [byte]$Record.prefix; PrefixOrigin = 'Manual'; SuffixOrigin = 'Manual'; AddressState = 'Preferred'; Type = 'Unicast' })
}
function Select-Address($P) {
    $hit = @(Get-Records 'address' | Where-Object {
            (-not $P.ContainsKey('InterfaceIndex') -or $P.InterfaceIndex -contains $_.interface) -and (-not $P.ContainsKey('IPAddress') -or $P.IPAddress -contains $_.address) -and
            (-not $P.ContainsKey('AddressFamily') -or [string]$P.AddressFamily -eq $(if ($_.address -match ':') { 'IPv6' } else { 'IPv4' }))
        })
    if ($P.ContainsKey('InterfaceAlias')) { $hit = @($hit | Where-Object { $P.InterfaceAlias -contains (ConvertTo-Address $_).InterfaceAlias }) }
    if ($hit.Count -eq 0 -and ($P.ContainsKey('InterfaceIndex') -or $P.ContainsKey('IPAddress') -or $P.ContainsKey('InterfaceAlias'))) { Deny-NoCimObject 'MSFT_NetIPAddress' 'the properties given' }
    $hit
}
Register 'Get-NetIPAddress' { param($P) foreach ($one in @(Select-Address $P)) { ConvertTo-Address $one } }

Register 'New-NetIPAddress' {
    param($P)
    $index = if ($P.ContainsKey('InterfaceIndex')) { [int]$P.InterfaceIndex } else { @(Get-Interfaces | Where-Object { $_.name -eq $P.InterfaceAlias } | ForEach-Object { $_.index })[0] }
    $parsed = $null
    if (-not [System.Net.IPAddress]::TryParse($P.IPAddress, [ref]$parsed)) { Deny-Windows 87 'InvalidArgument' 'The parameter is incorrect.' }
    if (@(Get-Interfaces | Where-Object { $_.index -eq $index }).Count -eq 0) { Deny-Windows 1168 'ObjectNotFound' 'Element not found.' }
    Use-Lock {
        if (Get-Records 'address' | Where-Object { $_.address -eq [string]$parsed }) { Deny-Windows 5010 'ResourceExists' 'The object already exists.' }
        Save-Record "address/$index/$parsed" @{ interface = $index; address = [string]$parsed; prefix = [int]$P.PrefixLength }
    }
    Update-Wires
    ConvertTo-Address (Get-Record "address/$index/$parsed")
}
Register 'Remove-NetIPAddress' {
    param($P)
    if ($P.ContainsKey('InputObject')) { $P = @{ InterfaceIndex = @($P.InputObject | ForEach-Object { $_.InterfaceIndex }); IPAddress = @($P.InputObject | ForEach-Object { $_.IPAddress }) } }
    foreach ($one in @(Select-Address $P)) { Use-Lock { Remove-Record "address/$($one.interface)/$($one.address)" } }
    Update-Wires
}

Register 'Get-NetNeighbor' {
    param($P)
    foreach ($one in Get-Neighbours) {
        if ($P.ContainsKey('InterfaceIndex') -and $P.InterfaceIndex -notcontains $one.interface) { continue }
        if ($P.ContainsKey('IPAddress') -and $P.IPAddress -notcontains $one.address) { continue }
        New-Cim 'ROOT/StandardCimv2/MSFT_NetNeighbor' ([ordered]@{ InterfaceIndex = [uint32]$one.interface; ifIndex = [uint32]$one.interface; IPAddress = $one.address; LinkLayerAddress = ($one.mac -replace '(..)(?!$)', '$1-'); State = 'Reachable'; AddressFamily = if ($one.address -match ':') { 'IPv6' } else { 'IPv4' } })
    }
}

# First and last address of a prefix, as numbers.
function Get-Range([string]$Prefix) {
    $address, $length = $Prefix.Split('/')
    $bytes = ([System.Net.IPAddress]::Parse($address)).GetAddressBytes()
    if ($bytes.Length -ne 4 -or $length -notmatch '^\d+$' -or [int]$length -gt 32) { Deny-Windows 87 'InvalidArgument' 'The parameter is incorrect.' }
    [Array]::Reverse($bytes)
    $size = [long][Math]::Pow(2, 32 - [int]$length)
    $first = [long][BitConverter]::ToUInt32($bytes, 0)
    $first -= $first % $size
    $first, ($first + $size - 1)
}

function ConvertTo-Nat($Record) { New-Cim 'root/StandardCimv2/MSFT_NetNat' ([ordered]@{ Name = $Record.name; ExternalIPInterfaceAddressPrefix = ''; InternalIPInterfaceAddressPrefix = $Record.prefix; InternalRoutingDomainId = '{00000000-0000-0000-0000-000000000000}'; Store = 'Local'; Active = 'True' }) }
function Select-Nat($P, [string]$Key = 'Name') {
    $all = @(Get-Records 'nat')
    if (-not $P.ContainsKey($Key)) { return $all }
    foreach ($name in $P[$Key]) {
        $hit = @($all | Where-Object { $_.name -like $name })
        if ($hit.Count -eq 0) { Deny-NoCimObject 'MSFT_NetNat' "property 'Name' equal to '$name'" }
        $hit
    }
}
Register 'Get-NetNat' { param($P) foreach ($one in @(Select-Nat $P)) { ConvertTo-Nat $one } }
Register 'New-NetNat' {
    param($P)
    Assert-NatFree
    $range = Get-Range $P.InternalIPInterfaceAddressPrefix
    Use-Lock {
        foreach ($other in Get-Records 'nat') {
            if ($other.name -eq $P.Name) { Deny-Windows 183 'ResourceExists' 'Cannot create a file when that file already exists.' }
            $taken = Get-Range $other.prefix
            if ($range[0] -le $taken[1] -and $taken[0] -le $range[1]) { Deny-Windows 87 'InvalidArgument' 'The parameter is incorrect.' }
        }
        Save-Record "nat/$($P.Name)" @{ name = $P.Name; prefix = $P.InternalIPInterfaceAddressPrefix }
    }
    Update-Wires
    ConvertTo-Nat (Get-Record "nat/$($P.Name)")
}
Register 'Remove-NetNat' {
    param($P)
    if ($P.ContainsKey('InputObject')) { $P = @{ Name = @($P.InputObject | ForEach-Object { $_.Name }) } }
    Assert-NatFree
    foreach ($one in @(Select-Nat $P)) {
        Use-Lock {
            foreach ($mapping in @(Get-Records 'mapping' | Where-Object { $_.nat -eq $one.name })) { Remove-Record "mapping/$($mapping.id)" }
            Remove-Record "nat/$($one.name)"
        }
    }
    Update-Wires
}

# Recorded: calls to NetNat that run at the same time fail with a sharing violation.
function Assert-NatFree {
    $busy = "$own/nat-busy"
    try { $stream = New-Object System.IO.FileStream $busy, 'OpenOrCreate', 'ReadWrite', 'None' }
    catch { Deny-Windows 32 'ResourceBusy' 'The process cannot access the file because it is being used by another process.' }
    Start-Sleep -Milliseconds $settings.times.nat
    $stream.Dispose()
}

function ConvertTo-Mapping($Record) { New-Cim 'root/StandardCimv2/MSFT_NetNatStaticMapping' ([ordered]@{ StaticMappingID = [uint32]$Record.id; NatName = $Record.nat; Protocol = $Record.protocol; ExternalIPAddress = $Record.externalAddress; ExternalPort = [uint16]$Record.externalPort; InternalIPAddress = $Record.internalAddress; InternalPort = [uint16]$Record.internalPort; Active = 'True' }) }
Register 'Get-NetNatStaticMapping' {
    param($P)
    foreach ($one in Get-Records 'mapping') { if ((-not $P.ContainsKey('NatName') -or $P.NatName -contains $one.nat) -and (-not $P.ContainsKey('StaticMappingID') -or $P.StaticMappingID -contains $one.id)) { ConvertTo-Mapping $one } }
}
Register 'Add-NetNatStaticMapping' {
    param($P)
    $null = Select-Nat $P 'NatName'
    Assert-NatFree
    foreach ($range in $settings.excludedPorts) { if ($P.ExternalPort -ge $range.from -and $P.ExternalPort -le $range.to) { Deny-Windows 32 'ResourceBusy' 'The process cannot access the file because it is being used by another process.' } }
    Use-Lock {
        if (Get-Records 'mapping' | Where-Object { $_.externalPort -eq $P.ExternalPort -and $_.protocol -eq [string]$P.Protocol }) { Deny-Windows 183 'ResourceExists' 'Cannot create a file when that file already exists.' }
        $script:newMapping = 1 + [int](@(Get-Records 'mapping' | ForEach-Object { $_.id }) | Measure-Object -Maximum).Maximum
        Save-Record "mapping/$newMapping" @{ id = $newMapping; nat = [string]$P.NatName; protocol = ([string]$P.Protocol).ToUpperInvariant(); externalAddress = $P.ExternalIPAddress; externalPort = $P.ExternalPort; internalAddress = $P.InternalIPAddress; internalPort = if ($P.ContainsKey('InternalPort')) { $P.InternalPort } else { $P.ExternalPort } }
    }
    ConvertTo-Mapping (Get-Record "mapping/$newMapping")
}
Register 'Remove-NetNatStaticMapping' {
    param($P)
    $ids = if ($P.ContainsKey('InputObject')) { @($P.InputObject | ForEach-Object { $_.StaticMappingID }) } elseif ($P.ContainsKey('StaticMappingID')) { $P.StaticMappingID } else { @(Get-Records 'mapping' | ForEach-Object { $_.id }) }
    foreach ($id in $ids) {
        if (-not (Get-Record "mapping/$id")) { Deny-NoCimObject 'MSFT_NetNatStaticMapping' "property 'StaticMappingID' equal to '$id'" }
        Use-Lock { Remove-Record "mapping/$id" }
    }
}
