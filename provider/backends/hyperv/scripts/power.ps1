# What machines do. Each of these ends when the machine does what was asked, or says why it does not.

# States that last; all others pass. The critical ones mean that the machine's storage is not there.
$CvLasting = 'Running', 'Off', 'Saved', 'Paused'

# Waits until the machine's state lasts, and gives the machine back. Seconds.
function Wait-CvState([string] $Id, [int] $Seconds) {
    $end = [datetime]::UtcNow.AddSeconds($Seconds)
    while ($true) {
        $machine = Get-CvVm $Id
        $state = $machine.State.ToString()
        if ($CvLasting -contains $state) { return $machine }
        if ($state -like '*Critical') { Stop-Cv 'Critical' @{ machine = $machine.Name; state = $state } }
        if ([datetime]::UtcNow -gt $end) { Stop-Cv 'StateStays' @{ machine = $machine.Name; state = $state; seconds = $Seconds } }
        Start-Sleep -Milliseconds 100
    }
}

$CvRequests['vm.start'] = @{ Function = 'Start-CvVm'; Beside = $true }
function Start-CvVm($Arguments) {
    $machine = Wait-CvState $Arguments.id 300
    switch ($machine.State.ToString()) {
        'Paused' { Hyper-V\Resume-VM -VM $machine -ErrorAction Stop }
        'Running' { }
        default { Hyper-V\Start-VM -VM $machine -ErrorAction Stop }
    }
    [void] (Wait-CvState $Arguments.id 300)
    return (Get-CvVmFacts $Arguments.id)
}

$CvRequests['vm.pause'] = @{ Function = 'Suspend-CvVm'; Beside = $true }
function Suspend-CvVm($Arguments) {
    $machine = Wait-CvState $Arguments.id 300
    if ($machine.State.ToString() -eq 'Running') { Hyper-V\Suspend-VM -VM $machine -ErrorAction Stop }
    [void] (Wait-CvState $Arguments.id 60)
    return (Get-CvVmFacts $Arguments.id)
}

# Asks the guest to shut down, for so many seconds, and then turns it off where that is allowed. 0 seconds: at once.
$CvRequests['vm.stop'] = @{ Function = 'Stop-CvVm'; Beside = $true }
function Stop-CvVm($Arguments) {
    $machine = Wait-CvState $Arguments.id 300
    switch ($machine.State.ToString()) {
        'Off' { }
        'Saved' { Hyper-V\Remove-VMSavedState -VM $machine -ErrorAction Stop }
        default {
            $asked = $machine.State.ToString() -eq 'Running' -and $Arguments.seconds -gt 0
            $off = $asked -and (Wait-CvShutdown $machine $Arguments.seconds)
            if (-not $off -and -not $Arguments.force) { Stop-Cv 'GuestStays' @{ machine = $machine.Name; seconds = $Arguments.seconds } }
            if (-not $off) { Hyper-V\Stop-VM -VM (Get-CvVm $Arguments.id) -TurnOff -Force -Confirm:$false -ErrorAction Stop }
        }
    }
    [void] (Wait-CvState $Arguments.id 60)
    return (Get-CvVmFacts $Arguments.id)
}

# Stop-VM waits for the guest without an end, and fails while it boots: so it runs apart, and the state decides.
function Wait-CvShutdown($Machine, [int] $Seconds) {
    $end = [datetime]::UtcNow.AddSeconds($Seconds)
    $id = [string] $Machine.Id
    $shell = [powershell]::Create()
    try {
        [void] $shell.AddScript('param($Machine) Hyper-V\Stop-VM -VM $Machine -Force -Confirm:$false -ErrorAction Stop').AddArgument($Machine)
        $running = $shell.BeginInvoke()
        while ([datetime]::UtcNow -lt $end) {
            if ((Get-CvVm $id).State.ToString() -eq 'Off') { return $true }
            # A guest that cannot be asked yet, because it boots, is asked again.
            if ($running.IsCompleted -and $shell.InvocationStateInfo.State.ToString() -eq 'Failed') {
                Start-Sleep -Milliseconds 1000
                $running = $shell.BeginInvoke()
            }
            Start-Sleep -Milliseconds 100
        }
        return (Get-CvVm $id).State.ToString() -eq 'Off'
    }
    finally {
        [void] $shell.BeginStop($null, $null)
    }
}
