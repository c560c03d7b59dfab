# What machines do. Each of these ends when the machine does what was asked, or says why it does not.

# States that last; all others pass. The critical ones mean that the machine's storage is not there.
$CvLasting = 'Running', 'Off', 'Saved', 'Paused'

# Waits until the machine's state lasts, or is the one that is named, and gives the machine back. Seconds.
function Wait-CvState([string] $Id, [int] $Seconds, [string] $Or = 'Off') {
    $end = [datetime]::UtcNow.AddSeconds($Seconds)
    while ($true) {
        $machine = Get-CvVm $Id
        $state = $machine.State.ToString()
        if ($CvLasting -contains $state -or $state -eq $Or) { return $machine }
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

# Asks the guest to shut down, for so many seconds, and then turns it off where that is allowed. 0 seconds: at once. A
# guest that was asked before, and is at it still, gets these seconds too.
$CvRequests['vm.stop'] = @{ Function = 'Stop-CvVm'; Beside = $true }
function Stop-CvVm($Arguments) {
    $machine = Wait-CvState $Arguments.id 300 'Stopping'
    $state = $machine.State.ToString()
    if ($state -eq 'Saved') { Hyper-V\Remove-VMSavedState -VM $machine -ErrorAction Stop }
    elseif ($state -ne 'Off') {
        $off = switch ($state) {
            'Running' { Wait-CvShutdown $machine $Arguments.seconds }
            'Stopping' { Wait-CvOff $Arguments.id $Arguments.seconds }
            default { $false }
        }
        if (-not $off -and -not $Arguments.force) { Stop-Cv 'GuestStays' @{ machine = $machine.Name; seconds = $Arguments.seconds } }
        if (-not $off) { Hyper-V\Stop-VM -VM (Get-CvVm $Arguments.id) -TurnOff -Force -Confirm:$false -ErrorAction Stop }
    }
    [void] (Wait-CvState $Arguments.id 60)
    return (Get-CvVmFacts $Arguments.id)
}

# Whether the machine is off within so many seconds. `Look` is called at every look.
function Wait-CvOff([string] $Id, [int] $Seconds, [scriptblock] $Look = {}) {
    $end = [datetime]::UtcNow.AddSeconds($Seconds)
    while ((Get-CvVm $Id).State.ToString() -ne 'Off') {
        if ([datetime]::UtcNow -gt $end) { return $false }
        & $Look
        Start-Sleep -Milliseconds 100
    }
    return $true
}

# Stop-VM waits for the guest without an end, and fails while it boots: so it runs apart, and the state decides.
function Wait-CvShutdown($Machine, [int] $Seconds) {
    if ($Seconds -le 0) { return $false }
    $shell = [powershell]::Create()
    try {
        [void] $shell.AddScript('param($Machine) Hyper-V\Stop-VM -VM $Machine -Force -Confirm:$false -ErrorAction Stop').AddArgument($Machine)
        $asked = @{ Handle = $shell.BeginInvoke(); At = [datetime]::UtcNow }
        $off = Wait-CvOff ([string] $Machine.Id) $Seconds {
            # A guest that cannot be asked yet, because it boots, is asked again.
            $failed = $asked.Handle.IsCompleted -and $shell.InvocationStateInfo.State.ToString() -eq 'Failed'
            if ($failed -and ([datetime]::UtcNow - $asked.At).TotalSeconds -gt 1) {
                $asked.Handle = $shell.BeginInvoke()
                $asked.At = [datetime]::UtcNow
            }
        }
        # What a command still does after its work is its own to end.
        if ($off) { [void] $asked.Handle.AsyncWaitHandle.WaitOne(5000) }
        return $off
    }
    finally { [void] $shell.BeginStop($null, $null) }
}
