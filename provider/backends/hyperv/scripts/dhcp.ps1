# The DHCP role of a server: a scope for each network in which addresses are handed out. Its range is what the network says,
# and reservations lie in it.

# Names of our scopes begin with it; those of others are left alone.
$CvOurScopes = 'crossvisor-'

# What the server hands out. Where there is no such role, or it does not answer, only that is known: everything else of the
# host is as it is. Only of our scopes the reservations are asked for: a server of an office has many others.
function Get-CvDhcp {
    $dhcp = @{ service = Get-CvService 'DHCPServer'; error = $null; scopes = @() }
    if ($dhcp.service -ne 'Running') { return $dhcp }
    try { $dhcp.scopes = @(foreach ($scope in @(Get-DhcpServerv4Scope -ErrorAction Stop)) { ConvertTo-CvScope $scope }) }
    catch { $dhcp.error = ConvertTo-CvError $_ }
    return $dhcp
}
function ConvertTo-CvScope($Scope) {
    $id = [string] $Scope.ScopeId
    $ours = ([string] $Scope.Name).StartsWith($CvOurScopes)
    return @{
        id           = $id
        name         = [string] $Scope.Name
        ours         = $ours
        active       = [string] $Scope.State -eq 'Active'
        start        = [string] $Scope.StartRange
        end          = [string] $Scope.EndRange
        reservations = @(if ($ours) {
                foreach ($one in @(Get-DhcpServerv4Reservation -ScopeId $id -ErrorAction Stop)) {
                    @{ address = [string] $one.IPAddress; mac = [string] $one.ClientId; name = [string] $one.Name }
                }
            })
    }
}
function Find-CvScope([string] $Id) {
    return @(Get-DhcpServerv4Scope -ErrorAction Stop | Where-Object { [string] $_.ScopeId -eq $Id }) | Select-Object -First 1
}

# Makes a scope what is wanted, whatever there was of it. Nothing is handed out before all of it is right.
function Set-CvScope([int] $Interface, $Wanted) {
    $id = $Wanted.id
    $found = Find-CvScope $id
    if ($null -eq $found) {
        Add-DhcpServerv4Scope -Name $Wanted.name -StartRange $Wanted.start -EndRange $Wanted.end -SubnetMask $Wanted.mask -State InActive -ErrorAction Stop
    }
    elseif (-not ([string] $found.Name).StartsWith($CvOurScopes)) { Stop-Cv 'ScopeTaken' @{ scope = $id; name = [string] $found.Name } }
    else { Set-DhcpServerv4Scope -ScopeId $id -State InActive -ErrorAction Stop }
    $wantedHosts = @{}
    foreach ($one in @($Wanted.hosts)) { $wantedHosts["$($one.mac) $($one.address) $($one.name)".ToLowerInvariant()] = $one }
    foreach ($one in @(Get-DhcpServerv4Reservation -ScopeId $id -ErrorAction Stop)) {
        $key = "$($one.ClientId) $($one.IPAddress) $($one.Name)".ToLowerInvariant()
        if ($wantedHosts.ContainsKey($key)) { $wantedHosts.Remove($key) }
        else { Remove-DhcpServerv4Reservation -IPAddress ([string] $one.IPAddress) -Confirm:$false -ErrorAction Stop }
    }
    Set-DhcpServerv4Scope -ScopeId $id -Name $Wanted.name -StartRange $Wanted.start -EndRange $Wanted.end -ErrorAction Stop
    foreach ($one in $wantedHosts.Values) {
        $given = @{ ScopeId = $id; IPAddress = $one.address; ClientId = $one.mac; ErrorAction = 'Stop' }
        if ($one.name) { $given.Name = $one.name }
        Add-DhcpServerv4Reservation @given
    }
    # The servers for names may be out of reach now; that is not this network's fault.
    if ($Wanted.router) { Set-DhcpServerv4OptionValue -ScopeId $id -Router $Wanted.router -ErrorAction Stop }
    if (@($Wanted.dns).Count -gt 0) { Set-DhcpServerv4OptionValue -ScopeId $id -DnsServer $Wanted.dns -Force -ErrorAction Stop }
    foreach ($adapter in @(Get-NetAdapter -IncludeHidden -ErrorAction Stop | Where-Object { [int] $_.ifIndex -eq $Interface })) {
        Set-DhcpServerv4Binding -InterfaceAlias $adapter.Name -BindingState $true -ErrorAction Stop
    }
    Set-DhcpServerv4Scope -ScopeId $id -State Active -ErrorAction Stop
}

# What is not ours, and what is not there, stays so.
function Remove-CvScope([string] $Id) {
    $found = Find-CvScope $Id
    if ($null -ne $found -and ([string] $found.Name).StartsWith($CvOurScopes)) {
        Remove-DhcpServerv4Scope -ScopeId $Id -Force -Confirm:$false -ErrorAction Stop
    }
}
