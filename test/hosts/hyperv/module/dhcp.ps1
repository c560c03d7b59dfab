# The DHCP role of a server, as far as scopes, options, reservations and bindings go. Nobody hands addresses out here: a
# lease is what a reservation of a running machine's adapter comes to.

function Get-KnownScope($Id) {
    $scope = Get-Record "scope/$Id"
    if ($null -eq $scope) { Fail 'DHCP 20004' 'ObjectNotFound' "Failed to get version of the scope $Id on DHCP server: the scope does not exist." 0x80004E24 $Id }
    $scope
}
function Assert-Role {
    if ($settings.features -notcontains 'DHCP') { Fail 'CommandNotFoundException' 'ObjectNotFound' 'The DHCP role is not installed.' 0x80131501 }
    if ($settings.dhcpService -ne 'Running') { Fail 'DHCP 1722' 'NotSpecified' 'The DHCP server cannot be reached: The RPC server is unavailable.' 0x800706BA }
}

function ConvertTo-Scope($Record) { New-Cim 'root/Microsoft/Windows/DHCP/DhcpServerv4Scope' ([ordered]@{ ScopeId = [System.Net.IPAddress]$Record.id; Name = $Record.name; SubnetMask = [System.Net.IPAddress]$Record.mask; StartRange = [System.Net.IPAddress]$Record.start; EndRange = [System.Net.IPAddress]$Record.end; State = $Record.state; LeaseDuration = [TimeSpan]::FromSeconds($Record.lease) }) }

Register 'Add-DhcpServerv4Scope' {
    param($P)
    Assert-Role
    $start = $P.StartRange.GetAddressBytes()
    $mask = $P.SubnetMask.GetAddressBytes()
    $id = (0..3 | ForEach-Object { $start[$_] -band $mask[$_] }) -join '.'
    Use-Lock {
        if (Get-Record "scope/$id") { Fail 'DHCP 20032' 'ResourceExists' "The scope $id exists already." 0x80004E40 $id }
        Save-Record "scope/$id" @{ id = $id; name = $P.Name; mask = [string]$P.SubnetMask; start = [string]$P.StartRange; end = [string]$P.EndRange; state = if ($P.ContainsKey('State')) { [string]$P.State } else { 'Active' }; lease = if ($P.ContainsKey('LeaseDuration')) { [long]$P.LeaseDuration.TotalSeconds } else { 691200 }; router = [object[]]@(); dns = [object[]]@() }
    }
    if ($P['PassThru']) { ConvertTo-Scope (Get-Record "scope/$id") }
}
Register 'Get-DhcpServerv4Scope' {
    param($P)
    Assert-Role
    $scopes = if ($P.ContainsKey('ScopeId')) { @($P.ScopeId | ForEach-Object { Get-KnownScope $_ }) } else { @(Get-Records 'scope') }
    foreach ($one in $scopes) { ConvertTo-Scope $one }
}

# Parameters by the fields of a scope that they set, as a block makes them.
function Edit-Scope($P, $Pairs, [scriptblock]$Value) {
    Assert-Role
    Use-Lock {
        $null = Get-KnownScope $P.ScopeId
        $scope = Open-Record "scope/$($P.ScopeId)"
        foreach ($pair in $Pairs) { if ($P.ContainsKey($pair[0])) { $scope.($pair[1]) = & $Value $P[$pair[0]] } }
        Save-Record "scope/$($P.ScopeId)" $scope
    }
}
Register 'Set-DhcpServerv4Scope' {
    param($P)
    Edit-Scope $P @(@('Name', 'name'), @('State', 'state'), @('StartRange', 'start'), @('EndRange', 'end')) { [string]$args[0] }
}
Register 'Remove-DhcpServerv4Scope' {
    param($P)
    Assert-Role
    foreach ($id in $P.ScopeId) {
        $null = Get-KnownScope $id
        $used = @(Get-Records 'reservation' | Where-Object { $_.scope -eq [string]$id })
        if ($used.Count -and -not $P['Force']) { Fail 'DHCP 20007' 'ResourceBusy' "The scope $id has leases or reservations." 0x80004E27 $id }
        Use-Lock { foreach ($one in $used) { Remove-Record "reservation/$($one.address)" }; Remove-Record "scope/$id" }
    }
}
Register 'Set-DhcpServerv4OptionValue' {
    param($P)
    Edit-Scope $P @(@('Router', 'router'), @('DnsServer', 'dns')) { , [object[]]@($args[0] | ForEach-Object { [string]$_ }) }
}

function Get-Number($Address) { $bytes = ([System.Net.IPAddress]$Address).GetAddressBytes(); [array]::Reverse($bytes); [BitConverter]::ToUInt32($bytes, 0) }
function ConvertTo-Reservation($Record) { New-Cim 'root/Microsoft/Windows/DHCP/DhcpServerv4Reservation' ([ordered]@{ IPAddress = [System.Net.IPAddress]$Record.address; ScopeId = [System.Net.IPAddress]$Record.scope; ClientId = $Record.client; Name = $Record.name; AddressState = 'InactiveReservation' }) }
Register 'Add-DhcpServerv4Reservation' {
    param($P)
    Assert-Role
    $scope = Get-KnownScope $P.ScopeId
    $number = Get-Number $P.IPAddress
    if ($number -lt (Get-Number $scope.start) -or $number -gt (Get-Number $scope.end)) { Fail 'DHCP 20023' 'InvalidArgument' "The address $($P.IPAddress) is not in the range of the scope $($P.ScopeId)." 0x80004E37 }
    if ($P.ClientId -notmatch '^([0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}$') { Fail 'DHCP 20010' 'InvalidArgument' "The client '$($P.ClientId)' is not valid: a MAC with dashes is wanted." 0x80004E2A }
    Use-Lock {
        if (Get-Records 'reservation' | Where-Object { $_.scope -eq [string]$P.ScopeId -and ($_.address -eq [string]$P.IPAddress -or $_.client -eq $P.ClientId) }) { Fail 'DHCP 20021' 'ResourceExists' 'The address or client is reserved already.' 0x80004E35 }
        Save-Record "reservation/$($P.IPAddress)" @{ address = [string]$P.IPAddress; scope = [string]$P.ScopeId; client = $P.ClientId.ToLowerInvariant(); name = [string]$P['Name'] }
    }
}
Register 'Get-DhcpServerv4Reservation' { param($P) Assert-Role; foreach ($one in Get-Records 'reservation') { if (-not $P.ContainsKey('ScopeId') -or $one.scope -eq [string]$P.ScopeId) { ConvertTo-Reservation $one } } }
Register 'Remove-DhcpServerv4Reservation' {
    param($P)
    Assert-Role
    foreach ($one in @(Get-Records 'reservation' | Where-Object { ($P.ContainsKey('IPAddress') -and @($P.IPAddress | ForEach-Object { [string]$_ }) -contains $_.address) -or ($P.ContainsKey('ClientId') -and $P.ClientId -contains $_.client) })) { Use-Lock { Remove-Record "reservation/$($one.address)" } }
}
Register 'Get-DhcpServerv4Lease' {
    param($P)
    Assert-Role
    foreach ($id in $P['ScopeId']) { $null = Get-KnownScope $id }
    $active = @{}
    foreach ($vm in Get-Records 'vm') { if ((Get-LiveState $vm) -eq 'Running') { foreach ($nic in $vm.nics) { $active[($nic.mac -replace '(..)(?!$)', '$1-').ToLowerInvariant()] = $vm.name } } }
    foreach ($one in Get-Records 'reservation') {
        if ($P.ContainsKey('ScopeId') -and @($P.ScopeId | ForEach-Object { [string]$_ }) -notcontains $one.scope) { continue }
        if ($active[$one.client]) { New-Cim 'root/Microsoft/Windows/DHCP/DhcpServerv4Lease' ([ordered]@{ IPAddress = [System.Net.IPAddress]$one.address; ScopeId = [System.Net.IPAddress]$one.scope; ClientId = $one.client; HostName = $active[$one.client]; AddressState = 'ActiveReservation' }) }
    }
}

Register 'Get-DhcpServerv4Binding' { param($P) Assert-Role; foreach ($one in Get-Interfaces) { $record = Get-Record "binding/$($one.name)"; New-Cim 'root/Microsoft/Windows/DHCP/DhcpServerv4Binding' ([ordered]@{ InterfaceAlias = $one.name; BindingState = if ($record) { [bool]$record.on } else { $true } }) } }
Register 'Set-DhcpServerv4Binding' { param($P) Assert-Role; foreach ($alias in $P.InterfaceAlias) { foreach ($on in $P.BindingState) { Use-Lock { Save-Record "binding/$alias" @{ on = [bool]$on } } } } }
