# The parts of a machine that are neither disks nor networks: memory, processor, BIOS, firmware, security, ports, services.

# Defines Get-X over the machines that a call means.
function Get-Part($P, [scriptblock]$Block) { foreach ($vm in @(Select-Machine $P)) { & $Block $vm } }

# Set-X takes machines or an object that Get-X gave.
function Edit-Part($P, [string]$Key, [scriptblock]$Block) {
    if ($P.ContainsKey($Key)) { $P.VM = $P[$Key] }
    Edit-Selected $P $Block
}

$partTypes = @{}
function New-Part([string]$Type, $Vm, [string]$Name, [string]$Id) {
    if (-not $partTypes.ContainsKey($Type)) { $partTypes[$Type] = ($hyper + $Type) -as [type] }
    $part = $partTypes[$Type]::new()
    Set-Owner $part $Vm
    $part.Id = "Microsoft:$($Vm.id.ToUpperInvariant())\$Id"
    $part.Name = $Name
    $part
}

Register 'Get-VMMemory' {
    param($P)
    Get-Part $P {
        param($vm)
        $part = New-Part VMMemory $vm 'Memory' '4764334d-e001-4176-82ee-5594ec9b530e'
        $part.ResourcePoolName = 'Primordial'
        $part.DynamicMemoryEnabled = [bool]$vm.memory.dynamic
        $part.Startup = [long]$vm.memory.startup
        $part.Minimum = [long]$vm.memory.minimum
        $part.Maximum = [long]$vm.memory.maximum
        $part.Buffer = [int]$vm.memory.buffer
        $part.Priority = [int]$vm.memory.priority
        $part.MaximumPerNumaNode = 12206
        $part
    }
}

# Which memory may change while the machine runs: dynamic memory widens its range, static memory is hot-plugged (2016).
function Assert-LiveMemory($Memory, $Given) {
    $dynamic = [bool]$Memory.dynamic
    $wrong = $Given.ContainsKey('DynamicMemoryEnabled') -and [bool]$Given.DynamicMemoryEnabled -ne $dynamic
    $wrong = $wrong -or ($dynamic -and $Given.ContainsKey('StartupBytes') -and $Given.StartupBytes -ne $Memory.startup)
    $wrong = $wrong -or ($Given.ContainsKey('MinimumBytes') -and $Given.MinimumBytes -gt $Memory.minimum)
    $wrong = $wrong -or ($Given.ContainsKey('MaximumBytes') -and $Given.MaximumBytes -lt $Memory.maximum)
    if (-not $dynamic -and $Given.ContainsKey('StartupBytes') -and $Given.StartupBytes -ne $Memory.startup) { $wrong = $wrong -or -not $settings.memoryHotPlug }
    if ($wrong) { Deny-State 'The operation cannot be performed while the virtual machine is in its current state.' }
}

function Set-Memory($Vm, $Given) {
    $memory = $Vm.memory
    if (-not (Test-Off $Vm)) { Assert-LiveMemory $memory $Given }
    foreach ($pair in @('DynamicMemoryEnabled', 'dynamic'), @('StartupBytes', 'startup'), @('MinimumBytes', 'minimum'), @('MaximumBytes', 'maximum'), @('Buffer', 'buffer'), @('Priority', 'priority')) {
        if ($Given.ContainsKey($pair[0])) { $memory.($pair[1]) = $Given[$pair[0]] }
    }
    Assert-Memory $memory.startup
    if ($memory.buffer -lt 5 -or $memory.buffer -gt 2000) { Deny-Argument 'The buffer must be between 5 and 2000 percent.' }
    if ($memory.priority -lt 0 -or $memory.priority -gt 100) { Deny-Argument 'The priority must be between 0 and 100.' }
    # Recorded: the startup memory is checked against the range of the moment, so all have to come in one call.
    if ($memory.dynamic -and ($memory.startup -lt $memory.minimum -or $memory.startup -gt $memory.maximum)) { Deny-Argument 'The startup memory must lie between the minimum and the maximum.' }
}
Register 'Set-VMMemory' { param($P) Edit-Part $P 'VMMemory' { param($vm) Set-Memory $vm $P } }

Register 'Get-VMProcessor' {
    param($P)
    Get-Part $P {
        param($vm)
        $part = New-Part VMProcessor $vm 'Processor' 'b637f346-6a0e-4dec-af52-bd70cb80a21d\0'
        $part.ResourcePoolName = 'Primordial'
        $part.Count = [long]$vm.processor.count
        $part.ExposeVirtualizationExtensions = [bool]$vm.processor.nested
        $part.CompatibilityForMigrationEnabled = [bool]$vm.processor.migration
        $part.CompatibilityForOlderOperatingSystemsEnabled = $false
        $part.Reserve = [long]$vm.processor.reserve
        $part.Maximum = [long]$vm.processor.maximum
        $part.RelativeWeight = [int]$vm.processor.weight
        $part
    }
}

function Set-Processor($Vm, $Given) {
    foreach ($pair in @('Count', 'count'), @('ExposeVirtualizationExtensions', 'nested'), @('CompatibilityForMigrationEnabled', 'migration')) {
        if (-not $Given.ContainsKey($pair[0]) -or $Given[$pair[0]] -eq $Vm.processor.($pair[1])) { continue }
        Assert-Off $Vm
        $Vm.processor.($pair[1]) = $Given[$pair[0]]
    }
    foreach ($pair in @('Reserve', 'reserve'), @('Maximum', 'maximum'), @('RelativeWeight', 'weight')) { if ($Given.ContainsKey($pair[0])) { $Vm.processor.($pair[1]) = $Given[$pair[0]] } }
    if ($Vm.processor.count -lt 1 -or $Vm.processor.count -gt $settings.processors) { Deny-Argument "The number of processors $($Vm.processor.count) is out of range: the host has $($settings.processors)." }
}
Register 'Set-VMProcessor' { param($P) Edit-Part $P 'VMProcessor' { param($vm) Set-Processor $vm $P } }

function Assert-Generation($Vm, [int]$Generation) {
    if ($Vm.generation -ne $Generation) { Fail 'VMGenerationNotSupported' 'InvalidArgument' "The operation is not supported on a generation $($Vm.generation) virtual machine." 0x80131500 $Vm.name }
}

Register 'Get-VMBios' {
    param($P)
    Get-Part $P {
        param($vm)
        Assert-Generation $vm 1
        $part = New-Part VMBios $vm 'BIOS' 'bios'
        $part.NumLockEnabled = [bool]$vm.bios.numLock
        $part.StartupOrder = [object[]]@($vm.bios.order | ForEach-Object { ConvertTo-Enum BootDevice $_ })
        $part
    }
}
Register 'Set-VMBios' {
    param($P)
    Edit-Part $P 'VMBios' {
        param($vm)
        Assert-Generation $vm 1
        Assert-Off $vm
        if ($P.ContainsKey('StartupOrder')) {
            $names = [object[]]@($P.StartupOrder | ForEach-Object { [string]$_ })
            if (@($names | Sort-Object -Unique).Count -ne 4) { Deny-Argument 'The startup order must name each of the four devices once.' }
            $vm.bios.order = $names
        }
        if ($P['EnableNumLock']) { $vm.bios.numLock = $true }
        if ($P['DisableNumLock']) { $vm.bios.numLock = $false }
    }
}

$templates = @{ MicrosoftWindows = '1734c6e8-3154-4dda-ba5f-a874cc483422'; MicrosoftUEFICertificateAuthority = '272e7447-90a4-4563-a4b9-8e4ab00526ce'; OpenSourceShieldedVM = '4292ae2b-ee2c-42b5-a969-dd8f8689f6f3' }

# The boot order as it is: what was set, without what is gone, and then what came later.
function Get-BootOrder($Vm) {
    $there = @($Vm.drives | ForEach-Object { $_.id }) + @($Vm.nics | ForEach-Object { $_.id })
    $order = @($Vm.firmware.order | Where-Object { $_ -like 'file:*' -or $there -contains $_ })
    $order + @($there | Where-Object { $order -notcontains $_ })
}

function New-BootSource($Vm, [string]$Reference) {
    $source = New-Part VMBootSource $Vm 'BootSource' "boot\$Reference"
    $drive = $Vm.drives | Where-Object { $_.id -eq $Reference }
    $nic = $Vm.nics | Where-Object { $_.id -eq $Reference }
    if ($drive) { $source.BootType = ConvertTo-Enum BootType 'Drive'; $source.Description = 'EFI SCSI Device'; $source.Device = New-Drive $Vm $drive; $source.FirmwarePath = "\AcpiEx(VMBus,0,0)\VenHw($($drive.id))\Scsi($($drive.number),$($drive.location))" }
    elseif ($nic) { $source.BootType = ConvertTo-Enum BootType 'Network'; $source.Description = 'EFI Network'; $source.Device = New-Nic $Vm $nic; $source.FirmwarePath = "\AcpiEx(VMBus,0,0)\VenHw($($nic.id))\MAC($($nic.mac),1)" }
    else { $source.BootType = ConvertTo-Enum BootType 'File'; $source.Description = 'Boot Entry'; $source.FirmwarePath = $Reference.Substring(5) }
    $source
}

# What a boot order is given as: a source, or the device itself.
function Get-BootReference($Vm, $Device) {
    if ($Device -is [Microsoft.HyperV.PowerShell.VMBootSource]) {
        if ($null -eq $Device.Device) { return "file:$($Device.FirmwarePath)" }
        $Device = $Device.Device
    }
    $reference = $Device.Id.Substring($Device.Id.IndexOf('\') + 1)
    if (@(Get-BootOrder $Vm) -notcontains $reference) { Deny-Argument 'The boot order names a device that is not part of the virtual machine.' }
    $reference
}

Register 'Get-VMFirmware' {
    param($P)
    Get-Part $P {
        param($vm)
        Assert-Generation $vm 2
        $part = New-Part VMFirmware $vm 'Firmware' 'firmware'
        $part.SecureBoot = ConvertTo-Enum OnOffState $vm.firmware.secureBoot
        $part.SecureBootTemplate = $vm.firmware.template
        $part.SecureBootTemplateId = [Guid]$templates[$vm.firmware.template]
        $part.BootOrder = [object[]]@(Get-BootOrder $vm | ForEach-Object { New-BootSource $vm $_ })
        $part.PauseAfterBootFailure = ConvertTo-Enum OnOffState $vm.firmware.pause
        $part.ConsoleMode = ConvertTo-Enum ConsoleModeType $vm.firmware.console
        $part.PreferredNetworkBootProtocol = ConvertTo-Enum IPProtocolPreference $vm.firmware.protocol
        $part
    }
}
Register 'Set-VMFirmware' {
    param($P)
    Edit-Part $P 'VMFirmware' {
        param($vm)
        Assert-Generation $vm 2
        Assert-Off $vm
        if ($P.ContainsKey('SecureBootTemplate')) {
            if (-not $templates.ContainsKey($P.SecureBootTemplate)) { Deny-Argument "There is no secure boot template '$($P.SecureBootTemplate)'." }
            $vm.firmware.template = @($templates.Keys | Where-Object { $_ -eq $P.SecureBootTemplate })[0]
        }
        if ($P.ContainsKey('SecureBootTemplateId')) {
            $name = @($templates.Keys | Where-Object { $templates[$_] -eq [string]$P.SecureBootTemplateId })
            if ($name.Count -eq 0) { Deny-Argument "There is no secure boot template '$($P.SecureBootTemplateId)'." }
            $vm.firmware.template = $name[0]
        }
        foreach ($pair in @('EnableSecureBoot', 'secureBoot'), @('PauseAfterBootFailure', 'pause'), @('ConsoleMode', 'console'), @('PreferredNetworkBootProtocol', 'protocol')) { if ($P.ContainsKey($pair[0])) { $vm.firmware.($pair[1]) = [string]$P[$pair[0]] } }
        # The list that is given takes the place of the old one: what it lacks of the guest's own entries is gone.
        if ($P.ContainsKey('BootOrder')) { $vm.firmware.order = [object[]]@($P.BootOrder | ForEach-Object { Get-BootReference $vm $_ }) }
        if ($P.ContainsKey('FirstBootDevice')) {
            $first = Get-BootReference $vm $P.FirstBootDevice
            $vm.firmware.order = [object[]](@($first) + @(Get-BootOrder $vm | Where-Object { $_ -ne $first }))
        }
    }
}

Register 'Get-VMSecurity' {
    param($P)
    Get-Part $P {
        param($vm)
        $part = New-Part VMSecurity $vm 'Security' 'security'
        $part.TpmEnabled = [bool]$vm.security.tpm
        $part.KsdEnabled = $false
        $part.Shielded = [bool]$vm.security.shielded
        $part.EncryptStateAndVmMigrationTraffic = $false
        $part.VirtualizationBasedSecurityOptOut = $false
        $part
    }
}
Register 'Set-VMSecurity' { param($P) Edit-Selected $P { param($vm) Assert-Off $vm } }
Register 'Set-VMKeyProtector' {
    param($P)
    Edit-Selected $P {
        param($vm)
        Assert-Generation $vm 2
        Assert-Off $vm
        $vm.security.protector = $true
    }
}
Register 'Get-VMKeyProtector' { param($P) Get-Part $P { param($vm) , [byte[]]@(if ($vm.security.protector) { 1, 0, 0, 0 } else { 0, 0, 0, 0 }) } }
Register 'Enable-VMTPM' {
    param($P)
    Edit-Selected $P {
        param($vm)
        Assert-Generation $vm 2
        Assert-Off $vm
        if (-not $vm.security.protector) { Fail 'OperationFailed' 'NotSpecified' "Cannot modify the selected security settings of '$($vm.name)'. A valid key protector must be configured in order to enable the virtual TPM." 0x80131500 }
        $vm.security.tpm = $true
    }
}
Register 'Disable-VMTPM' { param($P) Edit-Selected $P { param($vm) Assert-Off $vm; $vm.security.tpm = $false } }

$serviceIds = [ordered]@{ time = '2497F4DE-E9FA-4204-80E4-4B75C46419C0'; heartbeat = '84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47'; kvp = '2A34B1C2-FD73-4043-8A5B-DD2159BC743F'; shutdown = '9F8233AC-BE49-4C79-8EE3-E7E1985B2077'; vss = '5CED1297-4598-4915-A5FC-AD21BB4D02A4'; guest = '6C09BB55-D683-4DA0-8931-C9BF705F6480' }
$serviceNames = @{
    en = @{ time = 'Time Synchronization'; heartbeat = 'Heartbeat'; kvp = 'Key-Value Pair Exchange'; shutdown = 'Shutdown'; vss = 'VSS'; guest = 'Guest Service Interface' }
    de = @{ time = 'Zeitsynchronisierung'; heartbeat = 'Takt'; kvp = 'Austausch von Schlüsselwertepaaren'; shutdown = 'Herunterfahren'; vss = 'VSS'; guest = 'Gastdienstschnittstelle' }
}
function Get-ServiceKey([string]$Name) { $names = $serviceNames[$settings.language]; @($names.Keys | Where-Object { $names[$_] -like $Name }) }

Register 'Get-VMIntegrationService' {
    param($P)
    $wanted = if ($P.ContainsKey('Name') -and ($P.ContainsKey('VM') -or $P.ContainsKey('VMName') -or $P.ContainsKey('VMSnapshot'))) { @($P.Name | ForEach-Object { Get-ServiceKey $_ }) } else { @($serviceIds.Keys) }
    $null = $P.Remove('Name')
    Get-Part $P {
        param($vm)
        foreach ($key in $serviceIds.Keys) {
            if ($wanted -notcontains $key) { continue }
            $part = New-Part VMIntegrationComponent $vm $serviceNames[$settings.language][$key] $serviceIds[$key]
            $part.Enabled = [bool]$vm.services.$key
            $part.PrimaryOperationalStatus = ConvertTo-Enum VMOperationalStatus 'Ok'
            $part.PrimaryStatusDescription = 'OK'
            $part.SecondaryStatusDescription = ''
            $part
        }
    }
}
function Switch-Service($P, [bool]$To) {
    $keys = if ($P.ContainsKey('VMIntegrationService')) { @($P.VMIntegrationService | ForEach-Object { $id = $_.Id; $serviceIds.Keys | Where-Object { $id.EndsWith($serviceIds[$_]) } }) } else { @($P.Name | ForEach-Object { Get-ServiceKey $_ }) }
    if ($keys.Count -eq 0) { Deny-Missing 'integration component' ([string]$P.Name) }
    if ($P.ContainsKey('VMIntegrationService')) { $P.VM = $P.VMIntegrationService }
    $null = $P.Remove('Name')
    Edit-Selected $P { param($vm) foreach ($key in $keys) { $vm.services.$key = $To } }
}
Register 'Enable-VMIntegrationService' { param($P) Switch-Service $P $true }
Register 'Disable-VMIntegrationService' { param($P) Switch-Service $P $false }

Register 'Copy-VMFile' {
    param($P)
    foreach ($vm in @(Select-Machine @{ VM = $P['VM']; VMName = $P['Name'] })) {
        Assert-State $vm 'Running'
        if (-not $vm.services.guest) { Fail 'OperationFailed' 'NotSpecified' "Failed to initiate copying files to the guest '$($vm.name)': the Guest Service Interface is not enabled." 0x80070032 }
        if (-not (Test-RealFile $P.SourcePath)) { Deny-NoFile $P.SourcePath }
    }
}

Register 'Get-VMComPort' {
    param($P)
    $number = $P['Number']
    Get-Part $P {
        param($vm)
        foreach ($n in 1, 2) {
            if ($number -and $number -ne $n) { continue }
            $part = New-Part VMComPort $vm "COM $n" "com\$n"
            $part.Path = $vm.ports[$n - 1]
            $part
        }
    }
}
Register 'Set-VMComPort' { param($P) Edit-Part $P 'VMComPort' { param($vm) $vm.ports[$P.Number - 1] = $P.Path } }
