# What kind of host this is, and what it has.

# What explains most failures, asked for only when there is one.
function Get-CvState {
    $service = 'Unknown'
    try {
        $found = @(Get-Service | Where-Object { $_.Name -eq 'vmms' })
        $service = if ($found.Count -eq 0) { 'Absent' } else { $found[0].Status.ToString() }
    }
    catch { $service = 'Unknown' }
    $state = @{ vmms = $service; module = $false; administrator = $false; hyperVAdministrator = $false }
    try { $state.module = @(Get-Module -ListAvailable -Name Hyper-V).Count -gt 0 } catch { $state.module = $false }
    try {
        $principal = New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())
        $state.administrator = $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
        $group = New-Object Security.Principal.SecurityIdentifier 'S-1-5-32-578'
        $state.hyperVAdministrator = $principal.IsInRole($group)
    }
    catch { $state.administrator = $false }
    return $state
}
