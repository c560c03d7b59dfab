# What kind of host this is, and what it has. Names and texts that Windows localises are not looked at.

# What explains most failures; asked for only when there is one.
function Get-CvState {
    $rights = Get-CvRights
    return @{
        vmms                = Get-CvService 'vmms'
        module              = Test-CvModule 'Hyper-V'
        administrator       = $rights.administrator
        hyperVAdministrator = $rights.hyperVAdministrator
    }
}

# Running, Stopped, ...; Absent where the host says that there is none; Unknown where it does not answer.
function Get-CvService([string] $Name) {
    try { return (Get-Service -Name $Name -ErrorAction Stop).Status.ToString() }
    catch {
        if ($_.FullyQualifiedErrorId -like 'NoServiceFoundForGivenName*') { return 'Absent' }
        return 'Unknown'
    }
}

function Test-CvModule([string] $Name) { return @(Get-Module -ListAvailable -Name $Name).Count -gt 0 }

function Get-CvRights {
    $principal = New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())
    $group = New-Object Security.Principal.SecurityIdentifier 'S-1-5-32-578'
    return @{
        administrator       = $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
        hyperVAdministrator = $principal.IsInRole($group)
    }
}

# Servers that answer the host's questions for names, at most three; guests behind its NAT reach them too. One that runs on
# the host itself may answer nobody else.
function Get-CvNameServers {
    $found = @()
    foreach ($adapter in [Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces()) {
        if ($adapter.OperationalStatus.ToString() -ne 'Up') { continue }
        foreach ($address in $adapter.GetIPProperties().DnsAddresses) {
            $text = [string] $address
            if ($address.AddressFamily.ToString() -ne 'InterNetwork' -or $text -match '^(127|169\.254)\.') { continue }
            if ($found.Count -lt 3 -and $found -notcontains $text) { $found += $text }
        }
    }
    return $found
}

# Whatever is wrong with the host, this answers: it is what a person is shown who asks why nothing works.
$CvRequests['host.facts'] = @{ Function = 'Get-CvHost' }
function Get-CvHost {
    $state = Get-CvState
    $system = Get-CimInstance -ClassName Win32_OperatingSystem -ErrorAction Stop
    $facts = @{
        build         = [int] $system.BuildNumber
        server        = $system.ProductType -ne 1
        powershell    = $PSVersionTable.PSVersion.ToString()
        user          = [Security.Principal.WindowsIdentity]::GetCurrent().Name
        computer      = [Environment]::MachineName
        state         = $state
        sshd          = Get-CvService 'sshd'
        nat           = Test-CvModule 'NetNat'
        nameServers   = @(Get-CvNameServers)
        hyperV        = $null
        error         = $null
    }
    try {
        $hyperV = Hyper-V\Get-VMHost -ErrorAction Stop
        $facts.hyperV = @{
            module       = [string] (Get-Module -Name Hyper-V).Version
            processors   = [long] $hyperV.LogicalProcessorCount
            memory       = [long] $hyperV.MemoryCapacity
            machinePath  = $hyperV.VirtualMachinePath
            diskPath     = $hyperV.VirtualHardDiskPath
            macMinimum   = $hyperV.MacAddressMinimum
            macMaximum   = $hyperV.MacAddressMaximum
            versions     = [string[]] @($hyperV.SupportedVmVersions)
            defaultSwitch = @(Hyper-V\Get-VMSwitch -ErrorAction Stop | Where-Object { [string] $_.Id -eq $CvDefaultSwitch }).Count -gt 0
        }
    }
    catch {
        $facts.error = ConvertTo-CvError $_
        $facts.error.host = $state
    }
    return $facts
}

# The switch that Windows 10 and 11 make by themselves has the same id everywhere.
$CvDefaultSwitch = 'c08cb7b8-9b3c-408e-8e30-5e16a3aeb444'
