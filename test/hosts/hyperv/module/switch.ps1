# Virtual switches. An internal or external one brings an adapter on the host's side, which comes a moment later.

function Get-KnownSwitch([string]$Name) {
    $found = @(Get-Records 'switch' | Where-Object { $_.name -eq $Name })
    if ($found.Count -eq 0) { Deny-Missing 'virtual switch' $Name }
    $found[0]
}

function ConvertTo-Switch($Record) {
    $object = [Microsoft.HyperV.PowerShell.VMSwitch]::new()
    $object.Id = [Guid]$Record.id
    $object.Name = $Record.name
    $object.SwitchType = ConvertTo-Enum VMSwitchType $Record.type
    $object.Notes = $Record.notes
    $object.AllowManagementOS = $Record.type -ne 'Private' -and [bool]$Record.interface
    $adapters = @($Record.adapters | ForEach-Object { Get-Record "adapter/$_" })
    $object.NetAdapterInterfaceDescription = if ($Record.teaming) { 'Teamed-Interface' } elseif ($adapters) { $adapters[0].description } else { '' }
    $object.NetAdapterInterfaceDescriptions = [string[]]@($adapters | ForEach-Object { $_.description })
    $object.NetAdapterInterfaceGuid = [Guid[]]@($adapters | ForEach-Object { [Guid]$_.guid })
    $object.EmbeddedTeamingEnabled = [bool]$Record.teaming
    $object.BandwidthReservationMode = ConvertTo-Enum VMSwitchBandwidthMode $Record.bandwidth
    $object.IovEnabled = $false
    $object.ComputerName = $settings.computerName
    $object.IsDeleted = $false
    $object
}

# The next free index of a network interface.
function New-InterfaceIndex {
    $used = @(Get-Records 'switch' | ForEach-Object { $_.interface }) + @(Get-Records 'adapter' | ForEach-Object { $_.index })
    $index = 20
    while ($used -contains $index) { $index++ }
    $index
}

# Gives a switch its adapter on the host's side, or takes it away with its addresses.
function Set-HostSide($Switch, [bool]$Wanted) {
    if ($Wanted -and -not $Switch.interface) {
        $Switch.interface = New-InterfaceIndex
        $Switch.device = [Guid]::NewGuid().ToString().ToUpperInvariant()
        $Switch.port = [Guid]::NewGuid().ToString().ToUpperInvariant()
        $Switch.mac = New-PoolMac ([pscustomobject]@{ nics = @(Get-Records 'switch') })
        $Switch.alias = "vEthernet ($($Switch.name))"
        $Switch.visible = (Get-Now) + [long]$settings.times.adapter
    }
    if (-not $Wanted -and $Switch.interface) {
        foreach ($address in @(Get-Records 'address' | Where-Object { $_.interface -eq $Switch.interface })) { Remove-Record "address/$($address.interface)/$($address.address)" }
        $Switch.interface = 0
    }
}

Register 'Get-VMSwitch' {
    param($P)
    $all = @(Get-Records 'switch')
    if ($P.ContainsKey('Id')) {
        foreach ($id in $P.Id) {
            $found = @($all | Where-Object { $_.id -eq [string]$id })
            if ($found.Count -eq 0) { Deny-Missing 'virtual switch' $id }
            ConvertTo-Switch $found[0]
        }
        return
    }
    $names = if ($P.ContainsKey('Name')) { $P.Name } else { '*' }
    foreach ($name in $names) {
        $found = @($all | Where-Object { $_.name -like $name -and (-not $P.ContainsKey('SwitchType') -or @($P.SwitchType | ForEach-Object { [string]$_ }) -contains $_.type) })
        if ($found.Count -eq 0 -and -not [System.Management.Automation.WildcardPattern]::ContainsWildcardCharacters($name)) { Deny-Missing 'virtual switch' $name }
        foreach ($one in $found) { ConvertTo-Switch $one }
    }
}

Register 'New-VMSwitch' {
    param($P)
    Assert-Word $P.Name 'The name'
    $adapters = [object[]]@()
    if ($P.ContainsKey('NetAdapterName') -or $P.ContainsKey('NetAdapterInterfaceDescription')) {
        $type = 'External'
        $adapters = [object[]]@(Find-Adapter $P | ForEach-Object { $_.name })
    }
    else { $type = [string]$P.SwitchType }
    if ($type -eq 'External' -and $adapters.Count -eq 0) { Deny-Argument 'An external switch needs a network adapter.' }
    $switch = [pscustomobject][ordered]@{
        id = if ($P.ContainsKey('Id')) { [string]$P.Id } else { [Guid]::NewGuid().ToString() }; name = $P.Name; type = $type; notes = [string]$P['Notes']; adapters = $adapters
        teaming = [bool]$P['EnableEmbeddedTeaming'] -or $adapters.Count -gt 1; bandwidth = if ($P.ContainsKey('MinimumBandwidthMode')) { [string]$P.MinimumBandwidthMode } else { 'Absolute' }
        interface = 0; device = ''; port = ''; mac = ''; alias = ''; visible = 0; vlan = @{ mode = 'Untagged'; access = 0; native = 0; allowed = '' }
    }
    Use-Lock {
        foreach ($name in $adapters) {
            $user = @(Get-Records 'switch' | Where-Object { $_.adapters -contains $name })
            if ($user.Count) { Deny-Argument "The network adapter '$name' is bound to the switch '$($user[0].name)' already." 0x800700AA }
        }
        Set-HostSide $switch ($type -eq 'Internal' -or ($type -eq 'External' -and ($P['AllowManagementOS'] -ne $false)))
        Save-Record "switch/$($switch.id)" $switch
    }
    if ($type -eq 'External') { Disconnect-Sessions }
    Update-Wires
    ConvertTo-Switch (Get-Record "switch/$($switch.id)")
}

# The adapters of the host that a call names.
function Find-Adapter($P) {
    foreach ($pair in @('NetAdapterName', 'name'), @('NetAdapterInterfaceDescription', 'description')) {
        foreach ($wanted in $P[$pair[0]]) {
            $found = @(Get-Records 'adapter' | Where-Object { $_.($pair[1]) -eq $wanted })
            if ($found.Count -eq 0) { Fail 'ObjectNotFound' 'ObjectNotFound' "Hyper-V was unable to find the network adapter '$wanted'." 0x80131500 }
            $found
        }
    }
}

# What changes the network of the host itself cuts the sessions that come over it, when a test wants to see that.
function Disconnect-Sessions { if ($settings.cutOnExternal) { Add-Line "$own/cut" 'cut' } }

function Edit-Switch($P, [scriptblock]$Block) {
    $names = if ($P.ContainsKey('VMSwitch')) { @($P.VMSwitch | ForEach-Object { $_.Id }) } else { $P.Name }
    foreach ($name in $names) {
        $found = @(Get-Records 'switch' | Where-Object { $_.id -eq [string]$name -or (-not $P.ContainsKey('VMSwitch') -and $_.name -like $name) })
        if ($found.Count -eq 0) { Deny-Missing 'virtual switch' $name }
        foreach ($one in $found) {
            Use-Lock {
                $switch = Open-Known 'switch' $one.id 'virtual switch'
                & $Block $switch
                if ($switch) { Save-Record "switch/$($switch.id)" $switch }
            }
            if ($P['Passthru']) { ConvertTo-Switch (Get-Record "switch/$($one.id)") }
        }
    }
    Update-Wires
}

Register 'Rename-VMSwitch' {
    param($P)
    Assert-Word $P.NewName 'The name'
    Edit-Switch $P { param($switch) $switch.name = $P.NewName }
}

Register 'Set-VMSwitch' {
    param($P)
    Edit-Switch $P {
        param($switch)
        if ($P.ContainsKey('Notes')) { $switch.notes = $P.Notes }
        if ($P.ContainsKey('SwitchType')) { $switch.type = [string]$P.SwitchType; $switch.adapters = [object[]]@() }
        if ($P.ContainsKey('NetAdapterName') -or $P.ContainsKey('NetAdapterInterfaceDescription')) { $switch.type = 'External'; $switch.adapters = [object[]]@(Find-Adapter $P | ForEach-Object { $_.name }) }
        if ($P.ContainsKey('AllowManagementOS') -and $switch.type -ne 'External') { Deny-Argument 'Only an external switch can be shared with the management system by choice.' }
        $wanted = if ($P.ContainsKey('AllowManagementOS')) { [bool]$P.AllowManagementOS } elseif ($switch.type -eq 'Private') { $false } elseif ($switch.type -eq 'Internal') { $true } else { [bool]$switch.interface }
        Set-HostSide $switch $wanted
        if ($P.ContainsKey('AllowManagementOS')) { Disconnect-Sessions }
    }
}

Register 'Remove-VMSwitch' {
    param($P)
    $names = if ($P.ContainsKey('VMSwitch')) { @($P.VMSwitch | ForEach-Object { $_.Id }) } else { $P.Name }
    foreach ($name in $names) {
        $found = @(Get-Records 'switch' | Where-Object { $_.id -eq [string]$name -or $_.name -like $name })
        if ($found.Count -eq 0) { Deny-Missing 'virtual switch' $name }
        foreach ($one in $found) {
            Use-Lock {
                $switch = Open-Known 'switch' $one.id 'virtual switch'
                Set-HostSide $switch $false
                Remove-Record "switch/$($one.id)"
                # The adapters of machines stay, connected to nothing.
                foreach ($vm in @(Get-Records 'vm' | Where-Object { $_.nics | Where-Object { $_.switch -eq $one.id } })) { Edit-Machine $vm.id { param($vm) foreach ($nic in $vm.nics) { if ($nic.switch -eq $one.id) { $nic.switch = '' } } } }
            }
            if ($one.type -eq 'External') { Disconnect-Sessions }
        }
    }
    Update-Wires
}
