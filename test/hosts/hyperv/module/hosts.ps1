# The host itself: Get-VMHost, features of Windows, and what is asked of it through CIM and services.

Register 'Get-VMHost' {
    param($P)
    $now = $settings
    $object = [Microsoft.HyperV.PowerShell.VMHost]::new()
    $object.Name = $object.ComputerName = $object.FullyQualifiedDomainName = $now.computerName
    $object.LogicalProcessorCount = [long]$now.processors
    $object.MemoryCapacity = [long]$now.memory
    $object.MacAddressMinimum = $now.macMinimum
    $object.MacAddressMaximum = $now.macMaximum
    $object.VirtualMachinePath = $now.machinePath
    $object.VirtualHardDiskPath = $now.diskPath
    $object.NumaSpanningEnabled = $true
    $object.EnableEnhancedSessionMode = $now.sku -eq 'client'
    $object.VirtualMachineMigrationEnabled = $false
    $object.IovSupport = $false
    $object.MaximumStorageMigrations = $object.MaximumVirtualMachineMigrations = [uint32]2
    $object.SupportedVmVersions = [string[]]$supported[$now.version].Split(' ')
    $object
}
Register 'Set-VMHost' { param($P) }

Register 'Get-VMHostSupportedVersion' {
    param($P)
    $now = $settings
    foreach ($version in $supported[$now.version].Split(' ')) {
        $default = $version -eq $versions[$now.version]
        if ($P['Default'] -and -not $default) { continue }
        $object = [Microsoft.HyperV.PowerShell.VMHostSupportedVersion]::new()
        $object.Name = "Configuration version $version"
        $object.Version = [Version]$version
        $object.IsDefault = $default
        $object
    }
}

function New-Cim([string]$Class, $Fields) {
    $object = [pscustomobject]$Fields
    $object.PSObject.TypeNames.Insert(0, "Microsoft.Management.Infrastructure.CimInstance#$Class")
    $object
}

$features = 'Hyper-V', 'Hyper-V-PowerShell', 'RSAT-Hyper-V-Tools', 'DHCP', 'Failover-Clustering'
Register 'Get-WindowsFeature' {
    param($P)
    if ($settings.sku -eq 'client') { Fail 'Exception' 'InvalidOperation' 'The target of the specified cmdlet cannot be a Windows client-based operating system.' 0x80131500 }
    foreach ($name in $features) {
        if ($P.ContainsKey('Name') -and -not @($P.Name | Where-Object { $name -like $_ }).Count) { continue }
        $there = ($name -like '*Hyper-V*' -and $settings.module -ne 'absent') -or ($settings.features -contains $name)
        New-Cim 'WindowsFeature' ([ordered]@{ Name = $name; DisplayName = $name; Installed = $there; InstallState = if ($there) { 'Installed' } else { 'Available' } })
    }
}
Register 'Get-WindowsOptionalFeature' {
    param($P)
    $on = $settings.module -ne 'absent'
    New-Cim 'WindowsOptionalFeature' ([ordered]@{ FeatureName = if ($P.ContainsKey('FeatureName')) { $P.FeatureName } else { 'Microsoft-Hyper-V' }; State = if ($on) { 'Enabled' } else { 'Disabled' } })
}
Register 'Get-WindowsCapability' { param($P) New-Cim 'WindowsCapability' ([ordered]@{ Name = if ($P.ContainsKey('Name')) { $P.Name } else { 'OpenSSH.Server~~~~0.0.1.0' }; State = 'Installed' }) }
Register 'New-SmbGlobalMapping' { param($P) New-Cim 'MSFT_SmbGlobalMapping' ([ordered]@{ LocalPath = $P['LocalPath']; RemotePath = $P.RemotePath; Status = 'OK' }) }
Register 'Add-ClusterVirtualMachineRole' { param($P) Fail 'Add-ClusterVirtualMachineRole' 'NotSpecified' 'The cluster service is not running. Make sure that the service is running on all nodes in the cluster.' 0x80070005 }

# Get-Service and Get-CimInstance are not in the table of signatures: they are part of every Windows.
Register 'Get-Service' {
    param($P)
    $all = @{ vmms = if ($settings.service -eq 'stopped') { 'Stopped' } else { 'Running' }; sshd = 'Running'; winnat = 'Running'; DHCPServer = $settings.dhcpService }
    if ($settings.features -notcontains 'DHCP') { $all.Remove('DHCPServer') }
    if ($settings.module -eq 'absent') { $all.Remove('vmms') }
    foreach ($name in $P.Name) {
        $hit = @($all.Keys | Where-Object { $_ -like $name })
        if ($hit.Count -eq 0) { Fail 'NoServiceFoundForGivenName' 'ObjectNotFound' "Cannot find any service with service name '$name'." 0x80131500 $name }
        foreach ($key in $hit) { New-Cim 'Service' ([ordered]@{ Name = $key; ServiceName = $key; DisplayName = $key; Status = $all[$key]; StartType = 'Automatic' }) }
    }
}

$cimClasses = @{
    Win32_OperatingSystem = {
        $build = @{ '2016' = '14393'; '2019' = '17763'; '2022' = '20348'; '2025' = '26100' }[$settings.version]
        [ordered]@{ Caption = "Microsoft Windows Server $($settings.version) Standard"; BuildNumber = $build; Version = "10.0.$build"; ProductType = if ($settings.sku -eq 'client') { 1 } else { 3 }; FreePhysicalMemory = [uint64]($settings.memory / 1KB) }
    }
    Win32_ComputerSystem = { [ordered]@{ Name = $settings.computerName; TotalPhysicalMemory = [uint64]$settings.memory; NumberOfLogicalProcessors = $settings.processors; HypervisorPresent = $true } }
    Msvm_ComputerSystem = { foreach ($vm in Get-Records 'vm') { [ordered]@{ Name = $vm.id.ToUpperInvariant(); ElementName = $vm.name; Caption = 'Virtual Machine'; EnabledState = [uint16]@{ Running = 2; Off = 3 }[(Get-LiveState $vm)] } } }
    Msvm_KvpExchangeComponent = {
        foreach ($vm in Get-Records 'vm') {
            $addresses = if ((Get-LiveState $vm) -eq 'Running') { @($vm.nics | ForEach-Object { Get-GuestAddress $vm $_ }) }
            [ordered]@{ SystemName = $vm.id.ToUpperInvariant(); GuestIntrinsicExchangeItems = [string[]]@(if ($addresses) { New-KvpItem 'NetworkAddressIPv4' (@($addresses | Where-Object { $_ -notmatch ':' }) -join ';') }) }
        }
    }
}
function New-KvpItem([string]$Name, [string]$Data) { "<INSTANCE CLASSNAME=`"Msvm_KvpExchangeDataItem`"><PROPERTY NAME=`"Data`" TYPE=`"string`"><VALUE>$Data</VALUE></PROPERTY><PROPERTY NAME=`"Name`" TYPE=`"string`"><VALUE>$Name</VALUE></PROPERTY></INSTANCE>" }

Register 'Get-CimInstance' {
    param($P)
    $class = $P.ClassName
    if (-not $class -and $P['Query'] -match '(?i)\bfrom\s+(\w+)') { $class = $Matches[1] }
    $filter = if ($P['Filter']) { $P.Filter } elseif ($P['Query'] -match '(?i)\bwhere\s+(.*)$') { $Matches[1] }
    if (-not $class -or -not $cimClasses.ContainsKey($class)) { Fail 'HRESULT 0x80041010' 'MetadataError' 'Invalid class' 0x80041010 }
    if ($class -like 'Msvm_*' -and $settings.rights -eq 'none') { Fail 'HRESULT 0x80041003' 'PermissionDenied' 'Access denied' 0x80041003 }
    foreach ($fields in & $cimClasses[$class]) {
        # WQL of one comparison: property = 'text'.
        if ($filter -match "^\s*(\w+)\s*=\s*['`"]?([^'`"]*)['`"]?\s*$" -and [string]$fields[$Matches[1]] -ne $Matches[2]) { continue }
        New-Cim $class $fields
    }
}
