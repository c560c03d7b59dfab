# What only one process of the host may do at a time: agents of several clients run side by side.

# Seconds after which another process is believed to hang.
$CvGateLimit = 300

# Waits until nobody else is within, and gives the gate to leave by. The same thread must leave.
function Enter-CvGate([string] $Name) {
    $gate = New-Object Threading.Mutex $false, "Global\crossvisor-$Name"
    $end = [datetime]::UtcNow.AddSeconds($CvGateLimit)
    # One second at a time, so that a request that waits here can be given up. A gate that was left locked by a process
    # that ended is ours all the same.
    try {
        while (-not $gate.WaitOne(1000)) {
            if ([datetime]::UtcNow -gt $end) {
                $gate.Dispose()
                Stop-Cv 'GateStays' @{ name = $Name; seconds = $CvGateLimit }
            }
        }
    }
    catch [Threading.AbandonedMutexException] { $null = $_ }
    return $gate
}

function Exit-CvGate($Gate) {
    $Gate.ReleaseMutex()
    $Gate.Dispose()
}

# Refuses what another machine has: a name, or in its notes a MAC or an address of the same switch. It is asked within the
# gate, because clients decided by what they saw before. What others make without us takes no gate, and notes say nothing
# of it: clients look at adapters too.
function Assert-CvSole([string] $Id, $Sole) {
    foreach ($machine in @(Hyper-V\Get-VM -ErrorAction Stop)) {
        if ([string] $machine.Id -eq $Id) { continue }
        if ($machine.Name -ceq $Sole.name) { Stop-Cv 'NameTaken' @{ name = $Sole.name } }
        $notes = [string] $machine.Notes
        foreach ($nic in $Sole.nics) {
            # Most notes are not worth reading.
            if (-not $notes.Contains($nic.mac) -and ($null -eq $nic.address -or -not $notes.Contains($nic.address))) { continue }
            foreach ($other in @(Get-CvNotedNics $notes)) {
                if ($other.mac -eq $nic.mac) { Stop-Cv 'MacTaken' @{ mac = $nic.mac; machine = $machine.Name } }
                if ($null -ne $nic.address -and $other.address -eq $nic.address -and $other.switchId -eq $nic.switchId) {
                    Stop-Cv 'AddressTaken' @{ address = $nic.address; machine = $machine.Name }
                }
            }
        }
    }
}

# The interfaces in the mark of a machine's notes, which is their last line. A mark that somebody spoilt is none.
$CvMark = '#managed-by:crossvisor;v=1;'
function Get-CvNotedNics([string] $Notes) {
    $line = $Notes.TrimEnd().Split("`n")[-1]
    if (-not $line.StartsWith($CvMark)) { return }
    try {
        return @(foreach ($nic in (ConvertFrom-Json -InputObject $line.Substring($CvMark.Length)).nics) {
                $address = $(if ($nic.PSObject.Properties['address']) { $nic.address.address })
                @{ mac = $nic.mac; switchId = $nic.switchId; address = $address }
            })
    }
    catch { return }
}
