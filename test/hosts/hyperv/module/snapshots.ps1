# Checkpoints: each freezes the disks and puts differencing ones over them; what is removed is merged, which takes time.

function ConvertTo-Snapshot($Vm, $Record) {
    $object = [Microsoft.HyperV.PowerShell.VMSnapshot]::new()
    $object.Id = [Guid]$Record.id
    $object.Name = $Record.name
    $object.VMId = [Guid]$Vm.id
    $object.VMName = $Vm.name
    $object.State = ConvertTo-Enum VMState $Record.state
    $object.SnapshotType = ConvertTo-Enum SnapshotType 'Standard'
    $object.CreationTime = [DateTimeOffset]::FromUnixTimeMilliseconds($Record.created).LocalDateTime
    $object.ParentSnapshotId = $object.ParentCheckpointId = if ($Record.parent) { [Guid]$Record.parent } else { $null }
    $parent = $Vm.snapshots | Where-Object { $_.id -eq $Record.parent }
    $object.ParentSnapshotName = $object.ParentCheckpointName = if ($parent) { $parent.name } else { '' }
    $object.Generation = [int]$Vm.generation
    $object.Path = $Vm.path
    $object.Notes = ''
    $object.IsDeleted = $false
    $object.ComputerName = $settings.computerName
    $object
}

# Hyper-V's name of a disk over another: the base name, a GUID, .avhdx.
function New-ChildPath([string]$Path) {
    $base = $Path -replace '(_[0-9A-Fa-f\-]{36})?\.a?vhdx$', ''
    "$($base)_$([Guid]::NewGuid().ToString().ToUpperInvariant()).avhdx"
}

function Copy-Record($Record) { ConvertFrom-Json (ConvertTo-Json -InputObject $Record -Compress -Depth 10) }

Register 'Checkpoint-VM' {
    param($P)
    foreach ($one in @(Select-Machine $P)) {
        $snapshotId = [Guid]::NewGuid().ToString()
        Edit-Machine $one.id {
            param($vm)
            Assert-State $vm 'Running', 'Off', 'Saved', 'Paused'
            if ($vm.checkpointType -eq 'Disabled') { Fail 'OperationFailed' 'NotSpecified' "Checkpoints are disabled for '$($vm.name)'." 0x80131500 }
            $name = if ($P.ContainsKey('SnapshotName')) { $P.SnapshotName } else { "$($vm.name) - ($([DateTime]::Now))" }
            $part = Copy-Record @{ memory = $vm.memory; processor = $vm.processor; firmware = $vm.firmware; bios = $vm.bios; security = $vm.security; scsi = $vm.scsi; nics = [object[]]@($vm.nics); drives = [object[]]@($vm.drives) }
            $part | Add-Member @{ id = $snapshotId; name = $name; created = Get-Now; state = Get-LiveState $vm; parent = $vm.parentSnapshot }
            $vm.snapshots = [object[]](@($vm.snapshots) + @($part))
            $vm.parentSnapshot = $snapshotId
            foreach ($drive in $vm.drives) { if ($drive.kind -eq 'disk' -and $drive.path) { $drive.path = New-Layer $drive.path } }
        }
        Use-Lock { Update-Locks }
        if ($P['Passthru']) { $vm = Get-Record "vm/$($one.id)"; ConvertTo-Snapshot $vm $vm.snapshots[-1] }
    }
}

function New-Layer([string]$Path) {
    $child = New-ChildPath $Path
    New-Disk $child 'Differencing' 0 0 $Path
    $child
}

Register 'Get-VMSnapshot' {
    param($P)
    $name = if ($P.ContainsKey('Name')) { $P.Name } else { '*' }
    $machines = if ($P.ContainsKey('Id') -or $P.ContainsKey('VMSnapshot')) { Get-Records 'vm' } else { $null = $P.Remove('Name'); Select-Machine $P }
    $wanted = [string]$P['Id']
    $found = foreach ($vm in @($machines)) {
        foreach ($record in $vm.snapshots) { if (($wanted -and $record.id -eq $wanted) -or (-not $wanted -and @($name | Where-Object { $record.name -like $_ }).Count)) { ConvertTo-Snapshot $vm $record } }
    }
    if ($wanted -and -not $found) { Deny-Missing 'checkpoint' $wanted }
    $found
}

# The checkpoint that a call means, by object or by name, and its machine.
function Select-Snapshot($P) {
    if ($P.ContainsKey('VMSnapshot')) { return @($P.VMSnapshot | ForEach-Object { [pscustomobject]@{ vm = [string]$_.VMId; id = [string]$_.Id } }) }
    $names = $P.Name
    $null = $P.Remove('Name')
    $found = @(foreach ($vm in @(Select-Machine $P)) { foreach ($record in $vm.snapshots) { if (@($names | Where-Object { $record.name -like $_ }).Count) { [pscustomobject]@{ vm = $vm.id; id = $record.id } } } })
    if ($found.Count -eq 0) { Deny-Missing 'checkpoint' ([string]$names) }
    $found
}
function Get-KnownSnapshot($Vm, [string]$Id) {
    $record = $Vm.snapshots | Where-Object { $_.id -eq $Id }
    if ($null -eq $record) { Deny-Missing 'checkpoint' $Id }
    $record
}

Register 'Restore-VMSnapshot' {
    param($P)
    foreach ($one in @(Select-Snapshot $P)) {
        Edit-Machine $one.vm {
            param($vm)
            Assert-State $vm 'Off', 'Saved', 'Running', 'Paused'
            $record = Get-KnownSnapshot $vm $one.id
            $part = Copy-Record $record
            $old = @($vm.drives | Where-Object { $_.kind -eq 'disk' -and $_.path -like '*.avhdx' } | ForEach-Object { $_.path })
            foreach ($key in 'memory', 'processor', 'firmware', 'bios', 'security', 'scsi', 'nics', 'drives') { $vm.$key = $part.$key }
            $vm.nics = [object[]]@($vm.nics)
            $vm.drives = [object[]]@($vm.drives)
            foreach ($drive in $vm.drives) { if ($drive.kind -eq 'disk' -and $drive.path) { $drive.path = New-Layer $drive.path } }
            foreach ($path in $old) { [System.IO.File]::Delete((Get-Unlocked $path)) }
            $vm.parentSnapshot = $record.id
            # A production checkpoint holds no memory: the machine is off afterwards.
            $vm.state = if ($record.state -eq 'Running' -and $vm.checkpointType -eq 'Standard') { 'Saved' } else { 'Off' }
            Send-Guest $vm.id 'kill'
        }
        Use-Lock { Update-Locks }
    }
}

Register 'Rename-VMSnapshot' { param($P) foreach ($one in @(Select-Snapshot $P)) { Edit-Machine $one.vm { param($vm) (Get-KnownSnapshot $vm $one.id).name = $P.NewName } } }

# Removes records and begins the merge: the disks of the machine are as before only when it has ended.
Register 'Remove-VMSnapshot' {
    param($P)
    foreach ($one in @(Select-Snapshot $P)) {
        Edit-Machine $one.vm {
            param($vm)
            $record = Get-KnownSnapshot $vm $one.id
            $gone = @($record.id)
            if ($P['IncludeAllChildSnapshots']) { do { $more = @($vm.snapshots | Where-Object { $gone -contains $_.parent -and $gone -notcontains $_.id } | ForEach-Object { $_.id }); $gone += $more } while ($more.Count) }
            foreach ($other in $vm.snapshots) { if ($gone -notcontains $other.id) { while ($gone -contains $other.parent) { $other.parent = ($vm.snapshots | Where-Object { $_.id -eq $other.parent }).parent } } }
            while ($gone -contains $vm.parentSnapshot) { $vm.parentSnapshot = ($vm.snapshots | Where-Object { $_.id -eq $vm.parentSnapshot }).parent }
            $vm.snapshots = [object[]]@($vm.snapshots | Where-Object { $gone -notcontains $_.id })
            $vm.mergeUntil = (Get-Now) + [long]$settings.times.merge
        }
        Complete-Merge $one.vm
    }
}

# Real Hyper-V merges in the background. Here the command leaves the chain, and whoever looks after the time merges it.
function Complete-Merge($Id) {
    $vm = Get-Record "vm/$Id"
    if ($null -eq $vm -or -not $vm.mergeUntil -or (Get-Now) -lt $vm.mergeUntil) { return }
    Edit-Machine $Id { param($vm) if (@($vm.snapshots).Count -eq 0) { Merge-Chain $vm }; $vm.mergeUntil = 0 }
    Use-Lock { Update-Locks }
}

# Takes the layers of a machine without checkpoints away: their content goes into the disk below.
function Merge-Chain($Vm) {
    foreach ($drive in $Vm.drives) {
        while ($drive.kind -eq 'disk' -and $drive.path -like '*.avhdx' -and ($parent = Get-Parent $drive.path)) {
            Merge-Layer $drive.path $parent
            $drive.path = $parent
        }
    }
}

# Blocks that a layer has whole are written into its parent. Nobody writes single sectors into a layer here: guests
# that boot have no checkpoints on this host.
function Merge-Layer([string]$Path, [string]$Parent) {
    $child = Read-Vhdx $Path
    $base = Read-Vhdx $Parent
    if ($child.size -gt $base.size) { Expand-Vhdx $Parent $child.size }
    [System.IO.File]::Delete((Get-Unlocked $Path))
}

Register 'Merge-VHD' {
    param($P)
    $path = ConvertTo-Windows $P.Path
    $disk = Read-Disk $path
    Assert-Unused $path
    if (-not $disk.parent) { Deny-Argument "The disk '$path' has no parent." }
    Merge-Layer $path $disk.parent
}
