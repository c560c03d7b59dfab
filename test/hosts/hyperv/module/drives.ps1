# Controllers, hard disks and DVD drives of machines.

function New-DriveRecord([string]$Kind, [string]$Controller, [int]$Number, [int]$Location, [string]$Path) {
    [ordered]@{ id = [Guid]::NewGuid().ToString().ToUpperInvariant(); kind = $Kind; controller = $Controller; number = $Number; location = $Location; path = $Path }
}

function New-Drive($Vm, $Drive) {
    $type, $name = if ($Drive.kind -eq 'dvd') { 'DvdDrive', 'DVD Drive' } else { 'HardDiskDrive', 'Hard Drive' }
    $object = New-Part $type $Vm "$name on $($Drive.controller) controller number $($Drive.number) at location $($Drive.location)" $Drive.id
    $object.Path = $Drive.path
    $object.ControllerType = ConvertTo-Enum ControllerType $Drive.controller
    $object.ControllerNumber = [int]$Drive.number
    $object.ControllerLocation = [int]$Drive.location
    $object.PoolName = 'Primordial'
    if ($Drive.kind -eq 'dvd') { $object.DvdMediaType = if ($Drive.path) { 'ISO' } else { 'None' } }
    else { $object.DiskNumber = $null; $object.MaximumIOPS = [uint64]0; $object.MinimumIOPS = [uint64]0; $object.QoSPolicyID = [Guid]::Empty; $object.SupportPersistentReservations = $false }
    $object
}

function Get-DriveRecord($Vm, [string]$Kind, $P) {
    foreach ($drive in $Vm.drives) {
        if ($drive.kind -ne $Kind) { continue }
        if ($P.ContainsKey('ControllerType') -and [string]$P.ControllerType -ne $drive.controller) { continue }
        if ($P.ContainsKey('ControllerNumber') -and $P.ControllerNumber -ne $drive.number) { continue }
        if ($P.ContainsKey('ControllerLocation') -and $P.ControllerLocation -ne $drive.location) { continue }
        $drive
    }
}

function Select-Drive($P, [string]$Kind) {
    if ($P.ContainsKey('VMSnapshot')) {
        $vm = Get-Record "vm/$($P.VMSnapshot.VMId)"
        $snapshot = $vm.snapshots | Where-Object { $_.id -eq [string]$P.VMSnapshot.Id }
        foreach ($drive in $snapshot.drives) { if ($drive.kind -eq $Kind) { New-Drive $vm $drive } }
        return
    }
    if ($P.ContainsKey('VMDriveController')) { $P.VM = $P.VMDriveController; $P.ControllerNumber = $P.VMDriveController[0].ControllerNumber }
    Get-Part $P { param($vm) foreach ($drive in Get-DriveRecord $vm $Kind $P) { New-Drive $vm $drive } }
}
Register 'Get-VMHardDiskDrive' { param($P) Select-Drive $P 'disk' }
Register 'Get-VMDvdDrive' { param($P) Select-Drive $P 'dvd' }

# The place of a new drive: the one that is named, or the first that is free.
function Find-Place($Vm, [string]$Controller, $P) {
    $numbers = if ($P.ContainsKey('ControllerNumber')) { @($P.ControllerNumber) } elseif ($Controller -eq 'IDE') { 0, 1 } else { @(0..3 | Where-Object { $_ -lt $Vm.scsi }) }
    $last = if ($Controller -eq 'IDE') { 1 } else { 63 }
    foreach ($number in $numbers) {
        if ($number -lt 0 -or ($Controller -eq 'IDE' -and ($number -gt 1 -or $Vm.generation -eq 2)) -or ($Controller -eq 'SCSI' -and $number -ge $Vm.scsi)) { Fail 'ObjectNotFound' 'ObjectNotFound' "The controller $Controller $number was not found on '$($Vm.name)'." 0x80131500 }
        $locations = if ($P.ContainsKey('ControllerLocation')) { @($P.ControllerLocation) } else { 0..$last }
        foreach ($location in $locations) {
            if ($location -lt 0 -or $location -gt $last) { Deny-Argument "The location $location does not exist on a controller of that kind." }
            $taken = @($Vm.drives | Where-Object { $_.controller -eq $Controller -and $_.number -eq $number -and $_.location -eq $location })
            if ($taken.Count -eq 0) { return [pscustomobject]@{ number = $number; location = $location } }
        }
    }
    Fail 'OperationFailed' 'ResourceExists' "No free location was found on the disk controllers of '$($Vm.name)'." 0x800700B7
}

# Hyper-V refuses files that are sparse on its side, which a file on this machine's disk cannot show; the mark is kept apart.
function Assert-Disk([string]$Path) {
    if (-not (Test-RealFile $Path)) { Deny-NoFile $Path }
    if ($settings.sparse -contains $Path -and -not [System.IO.File]::Exists("$own/dense-" + $Path.ToLowerInvariant().Replace('\', '!'))) { Fail 'OperationFailed' 'NotSpecified' "The file '$Path' must not be compressed, encrypted or sparse." 0xC03A001A }
    $null = Read-Disk $Path
}

Register 'Add-VMHardDiskDrive' {
    param($P)
    $path = if ($P.ContainsKey('Path')) { ConvertTo-Windows $P.Path } else { Deny-Argument 'Disks of the host are not simulated.' }
    if ($P.ContainsKey('VMDriveController')) { $P.VM = $P.VMDriveController; $P.ControllerNumber = $P.VMDriveController.ControllerNumber; $P.ControllerType = if ($P.VMDriveController -is [Microsoft.HyperV.PowerShell.VMIdeController]) { 'IDE' } else { 'SCSI' } }
    Assert-Disk $path
    foreach ($one in @(Select-Machine $P)) {
        Edit-Machine $one.id {
            param($vm)
            $controller = if ($P.ContainsKey('ControllerType')) { [string]$P.ControllerType } elseif ($vm.generation -eq 1) { 'IDE' } else { 'SCSI' }
            if ($vm.generation -eq 2 -and $controller -eq 'IDE') { Assert-Generation $vm 1 }
            if ($controller -eq 'IDE') { Assert-Off $vm }
            if ($vm.drives | Where-Object { $_.kind -eq 'disk' -and $_.path -eq $path }) { Fail 'OperationFailed' 'ResourceExists' "Failed to add device 'Virtual Hard Disk': the attachment '$path' is already attached to '$($vm.name)'." 0x80070020 }
            if (-not (Test-Off $vm) -and (Get-OtherUser $path $vm.id)) { Deny-Sharing $path }
            $place = Find-Place $vm $controller $P
            $vm.drives = [object[]](@($vm.drives) + @(New-DriveRecord 'disk' $controller $place.number $place.location $path))
        }
        if ($P['Passthru']) { $vm = Get-Record "vm/$($one.id)"; New-Drive $vm $vm.drives[-1] }
    }
    Use-Lock { Update-Locks }
}

# Changes the drives that a call means: objects, or those of a machine at a place.
function Edit-Drive($P, [string]$Kind, [string]$Key, [scriptblock]$Block) {
    $given = $P[$Key]
    $chosen = if ($given) { @($given | ForEach-Object { [pscustomobject]@{ vm = [string]$_.VMId; id = $_.Id.Substring($_.Id.IndexOf('\') + 1) } }) } else { @(Select-Machine $P | ForEach-Object { $vm = $_; Get-DriveRecord $vm $Kind $P | ForEach-Object { [pscustomobject]@{ vm = $vm.id; id = $_.id } } }) }
    if ($chosen.Count -eq 0) { Deny-Missing 'drive' ([string]$P['VMName']) }
    foreach ($one in $chosen) {
        Edit-Machine $one.vm {
            param($vm)
            $drive = $vm.drives | Where-Object { $_.id -eq $one.id }
            if ($null -eq $drive) { Deny-Missing 'drive' $one.id }
            & $Block $vm $drive
        }
        if ($P['Passthru']) { $vm = Get-Record "vm/$($one.vm)"; New-Drive $vm ($vm.drives | Where-Object { $_.id -eq $one.id }) }
    }
    Use-Lock { Update-Locks }
}

Register 'Remove-VMHardDiskDrive' {
    param($P)
    Edit-Drive $P 'disk' 'VMHardDiskDrive' {
        param($vm, $drive)
        if ($drive.controller -eq 'IDE') { Assert-Off $vm }
        $vm.drives = [object[]]@($vm.drives | Where-Object { $_.id -ne $drive.id })
    }
}
Register 'Set-VMHardDiskDrive' {
    param($P)
    $path = if ($P.ContainsKey('Path')) { ConvertTo-Windows $P.Path }
    if ($path) { Assert-Disk $path }
    if (-not $P.ContainsKey('VMHardDiskDrive')) { $P.ControllerType = if ($P.ContainsKey('ControllerType')) { $P.ControllerType } else { 'SCSI' } }
    Edit-Drive $P 'disk' 'VMHardDiskDrive' {
        param($vm, $drive)
        if ($path) { Assert-Off $vm; $drive.path = $path }
        foreach ($pair in @('ToControllerNumber', 'number'), @('ToControllerLocation', 'location')) { if ($P.ContainsKey($pair[0])) { Assert-Off $vm; $drive.($pair[1]) = $P[$pair[0]] } }
    }
}

function Assert-Iso([string]$Path) {
    if (-not $Path) { return }
    # Recorded: the extension is insisted on.
    if ($Path -notmatch '\.iso$') { Deny-Argument "The path '$Path' is not valid: the extension must be .iso." }
    if (-not (Test-RealFile $Path)) { Deny-NoFile $Path }
}
Register 'Add-VMDvdDrive' {
    param($P)
    $path = if ($P['Path']) { ConvertTo-Windows $P.Path } else { '' }
    Assert-Iso $path
    foreach ($one in @(Select-Machine $P)) {
        Edit-Machine $one.id {
            param($vm)
            $controller = if ($vm.generation -eq 1) { 'IDE' } else { 'SCSI' }
            if ($controller -eq 'IDE') { Assert-Off $vm }
            $place = Find-Place $vm $controller $P
            $vm.drives = [object[]](@($vm.drives) + @(New-DriveRecord 'dvd' $controller $place.number $place.location $path))
        }
        if ($P['Passthru']) { $vm = Get-Record "vm/$($one.id)"; New-Drive $vm $vm.drives[-1] }
    }
    Use-Lock { Update-Locks }
}
Register 'Set-VMDvdDrive' {
    param($P)
    $path = if ($P['Path']) { ConvertTo-Windows $P.Path } else { '' }
    Assert-Iso $path
    Edit-Drive $P 'dvd' 'VMDvdDrive' { param($vm, $drive) if ($P.ContainsKey('Path')) { $drive.path = $path } }
}
Register 'Remove-VMDvdDrive' {
    param($P)
    Edit-Drive $P 'dvd' 'VMDvdDrive' {
        param($vm, $drive)
        if ($drive.controller -eq 'IDE') { Assert-Off $vm }
        $vm.drives = [object[]]@($vm.drives | Where-Object { $_.id -ne $drive.id })
    }
}

function New-Controller($Vm, [string]$Kind, [int]$Number) {
    $part = New-Part "VM$($Kind)Controller" $Vm "$($Kind.ToUpperInvariant()) Controller" "$Kind\$Number"
    $part.ControllerNumber = $Number
    $part.Drives = [object[]]@($Vm.drives | Where-Object { $_.controller -eq $Kind -and $_.number -eq $Number } | ForEach-Object { New-Drive $Vm $_ })
    $part
}
Register 'Get-VMScsiController' { param($P) Get-Part $P { param($vm) for ($i = 0; $i -lt $vm.scsi; $i++) { if (-not $P.ContainsKey('ControllerNumber') -or $P.ControllerNumber -eq $i) { New-Controller $vm 'Scsi' $i } } } }
Register 'Get-VMIdeController' { param($P) Get-Part $P { param($vm) if ($vm.generation -eq 1) { foreach ($i in 0, 1) { New-Controller $vm 'Ide' $i } } } }
Register 'Add-VMScsiController' {
    param($P)
    Edit-Selected $P {
        param($vm)
        Assert-Off $vm
        if ($vm.scsi -ge 4) { Deny-Argument 'A virtual machine has at most four SCSI controllers.' }
        $vm.scsi++
    }
}
Register 'Remove-VMScsiController' {
    param($P)
    $number = if ($P.ContainsKey('VMScsiController')) { $P.VMScsiController[0].ControllerNumber } else { $P.ControllerNumber }
    Edit-Part $P 'VMScsiController' {
        param($vm)
        Assert-Off $vm
        $vm.drives = [object[]]@($vm.drives | Where-Object { $_.controller -ne 'SCSI' -or $_.number -ne $number })
        $vm.scsi--
    }
}
