# New-VHD, Get-VHD and the other commands for files of disks.

function Read-Disk([string]$Path) {
    if (-not (Test-RealFile $Path)) { Deny-NoFile $Path }
    if ($settings.locked -contains $Path) { Deny-Sharing $Path }
    $disk = Read-Vhdx $Path
    if ($null -eq $disk) { Fail 'OperationFailed' 'NotSpecified' "The file '$Path' is corrupted or not a virtual hard disk." 0xC03A0014 }
    $disk
}

function Get-Parent([string]$Path) { if (Test-RealFile $Path) { $disk = Read-Vhdx $Path; if ($disk) { $disk.parent } } }

# A child is of no use when its parent is gone or was changed since.
function Assert-Chain([string]$Path) {
    for ($disk = Read-Disk $Path; $disk.parent; $disk = $parent) {
        if (-not (Test-RealFile $disk.parent)) { Fail 'OperationFailed' 'NotSpecified' "The chain of virtual hard disks is inaccessible: '$($disk.parent)' was not found." 0xC03A000D }
        $parent = Read-Vhdx $disk.parent
        if ($parent.linkage -ne $disk.parentLinkage) { Fail 'OperationFailed' 'NotSpecified' "The chain of virtual hard disks is corrupted. There is a mismatch in the identifiers of the parent virtual hard disk and differencing disk '$Path'." 0xC03A000E }
    }
}

# The machine that runs with this disk, be it at the end of a chain.
function Get-Runner([string]$Path) {
    foreach ($vm in Get-Records 'vm') {
        if ($offStates -contains (Get-LiveState $vm)) { continue }
        foreach ($drive in $vm.drives) {
            if ($drive.kind -ne 'disk' -or -not $drive.path) { continue }
            for ($at = $drive.path; $at; $at = Get-Parent $at) { if ($at -eq $Path) { return [pscustomobject]@{ vm = $vm; drive = $drive; leaf = $at -eq $drive.path } } }
        }
    }
}
function Assert-Unused([string]$Path) { if (Get-Runner $Path) { Deny-Sharing $Path } }

function ConvertTo-Vhd([string]$Path) {
    $disk = Read-Disk $Path
    $object = [Microsoft.Vhd.PowerShell.VirtualHardDisk]::new()
    $object.ComputerName = $settings.computerName
    $object.Path = $Path
    $object.VhdFormat = [Microsoft.Vhd.PowerShell.VhdFormat]::VHDX
    $object.VhdType = [Microsoft.Vhd.PowerShell.VhdType]$(if ($disk.parent) { 'Differencing' } elseif ($disk.fixed) { 'Fixed' } else { 'Dynamic' })
    $object.FileSize = [uint64]$disk.length
    $object.Size = [uint64]$disk.size
    $object.MinimumSize = $null
    $object.LogicalSectorSize = [uint32]$disk.logical
    $object.PhysicalSectorSize = [uint32]$disk.physical
    $object.BlockSize = [uint32]$disk.block
    $object.ParentPath = if ($disk.parent) { $disk.parent } else { '' }
    $object.DiskIdentifier = $disk.identifier
    $object.FragmentationPercentage = $null
    $object.Alignment = 1
    $object.Attached = [bool](Get-Runner $Path)
    $object
}

# Makes a disk; the arguments have been checked for their kind, not for their values.
function New-Disk([string]$Path, [string]$Kind, [long]$Size, [long]$Block, [string]$Parent, [int]$Logical = 512, [int]$Physical = 4096) {
    if ($Path -notmatch '\.(vhdx|avhdx)$') { Deny-Argument "The extension of '$Path' is not one of a VHDX: .vhd is not simulated." }
    if ($settings.locked -contains $Path) { Deny-Sharing $Path }
    if (Test-RealFile $Path) { Fail 'OperationFailed' 'ResourceExists' "The system failed to create '$Path': The file exists." 0x80070050 }
    $real = ConvertTo-Real $Path
    if (-not (New-Object System.IO.DirectoryInfo ($real.Substring(0, $real.LastIndexOf('/')))).Exists) { Fail 'OperationFailed' 'ObjectNotFound' "The system failed to create '$Path': The system cannot find the path specified." 0x80070003 }
    $disk = @{ fixed = $Kind -eq 'Fixed'; size = $Size; block = $Block; logical = $Logical; physical = $Physical; identifier = [Guid]::NewGuid().ToString() }
    if ($Parent) {
        $from = Read-Disk $Parent
        $disk.parent = $Parent
        $disk.linkage = $from.linkage
        $disk.logical = $from.logical
        $disk.physical = $from.physical
        if (-not $Size) { $disk.size = $from.size }
        if ($disk.size -lt $from.size) { Deny-Argument 'A differencing disk cannot be smaller than its parent.' }
    }
    if (-not $disk.block) { $disk.block = if ($Parent) { 2MB } else { 32MB } }
    if ($disk.block -lt 1MB -or $disk.block -gt 256MB -or ($disk.block -band ($disk.block - 1))) { Deny-Argument "The block size $($disk.block) is not valid." }
    if ($disk.size -lt 3MB -or $disk.size -gt 64TB) { Deny-Argument "The size $($disk.size) is out of range: 3 MB to 64 TB." }
    if ($disk.size % $disk.logical) { Deny-Argument "The size $($disk.size) is not a multiple of the sector size." }
    Write-Vhdx $Path $disk
}

Register 'New-VHD' {
    param($P)
    foreach ($given in $P.Path) {
        if ($P.ContainsKey('SourceDisk')) { Deny-Argument 'Disks of the host are not simulated.' }
        $kind = if ($P['Fixed']) { 'Fixed' } elseif ($P['Differencing'] -or $P.ContainsKey('ParentPath')) { 'Differencing' } else { 'Dynamic' }
        $path = ConvertTo-Windows $given
        $parent = if ($P.ContainsKey('ParentPath')) { ConvertTo-Windows $P.ParentPath } else { '' }
        $logical = if ($P.ContainsKey('LogicalSectorSizeBytes')) { $P.LogicalSectorSizeBytes } else { 512 }
        $physical = if ($P.ContainsKey('PhysicalSectorSizeBytes')) { $P.PhysicalSectorSizeBytes } else { 4096 }
        if ($kind -eq 'Fixed') { Start-Sleep -Milliseconds $settings.times.fixed }
        New-Disk $path $kind ([long]$P['SizeBytes']) ([long]$P['BlockSizeBytes']) $parent $logical $physical
        ConvertTo-Vhd $path
    }
}

Register 'Get-VHD' {
    param($P)
    $paths = if ($P.ContainsKey('VMId')) { foreach ($id in $P.VMId) { (Get-Record "vm/$id").drives | Where-Object { $_.kind -eq 'disk' -and $_.path } | ForEach-Object { $_.path } } } else { $P.Path }
    foreach ($path in $paths) { ConvertTo-Vhd (ConvertTo-Windows $path) }
}

Register 'Test-VHD' {
    param($P)
    foreach ($path in $P.Path) {
        try { Assert-Chain (ConvertTo-Windows $path); $true }
        catch [Microsoft.HyperV.PowerShell.VirtualizationException] { $false }
    }
}

Register 'Resize-VHD' {
    param($P)
    foreach ($given in $P.Path) {
        $path = ConvertTo-Windows $given
        $disk = Read-Disk $path
        if ($P['ToMinimumSize'] -or [long]$P.SizeBytes -lt $disk.size) { Fail 'OperationFailed' 'NotSpecified' "The system failed to resize '$path': smaller than what the disk holds." 0xC03A0025 }
        if ([long]$P.SizeBytes % $disk.logical) { Deny-Argument "The size $($P.SizeBytes) is not a multiple of the sector size." }
        $child = Get-Child $path
        if ($child) { Fail 'OperationFailed' 'NotSpecified' "The system failed to resize '$path': it is the parent of '$child'." 0xC03A0029 }
        $runner = Get-Runner $path
        # Documented: online only on SCSI. A guest that was booted for real has the file open in QEMU, which is not told.
        if ($runner -and ($runner.drive.controller -eq 'IDE' -or -not $runner.leaf)) { Deny-Sharing $path }
        if ($runner -and $settings.boot) { Fail 'NotImplemented' 'NotImplemented' 'A disk of a booted guest cannot grow on this host.' 0x80004001 }
        Expand-Vhdx $path ([long]$P.SizeBytes)
        if ($P['Passthru']) { ConvertTo-Vhd $path }
    }
}

# A disk that a machine or a checkpoint uses and whose parent this is.
function Get-Child([string]$Path) {
    foreach ($vm in Get-Records 'vm') {
        $all = @($vm.drives) + @($vm.snapshots | ForEach-Object { $_.drives })
        foreach ($drive in $all) { if ($drive.kind -eq 'disk' -and $drive.path -and (Get-Parent $drive.path) -eq $Path) { return $drive.path } }
    }
}

Register 'Set-VHD' {
    param($P)
    $path = ConvertTo-Windows $P.Path
    $disk = Read-Disk $path
    Assert-Unused $path
    $stream = New-Object System.IO.FileStream (Get-Unlocked $path), 'Open', 'ReadWrite', 'None'
    try { if ($P['ResetDiskIdentifier']) { Write-At $stream $disk.identifierAt ([Guid]::NewGuid().ToByteArray()) } }
    finally { $stream.Dispose() }
    if ($P.ContainsKey('ParentPath')) { Deny-Argument 'Another parent is not simulated.' }
    if ($P['ResetDiskIdentifier']) { Set-Linkage $path }
}

Register 'Optimize-VHD' { param($P) foreach ($given in $P.Path) { $path = ConvertTo-Windows $given; $null = Read-Disk $path; Assert-Unused $path } }

# Content is moved by qemu-img, which knows no chains.
function Convert-Content([string]$From, [string]$To, [string[]]$Options) {
    $start = New-Object System.Diagnostics.ProcessStartInfo 'qemu-img'
    foreach ($word in @('convert', '-f', 'vhdx', '-O', 'vhdx') + $Options + @((ConvertTo-Real $From), (ConvertTo-Real $To))) { $start.ArgumentList.Add($word) }
    $start.RedirectStandardError = $true
    $null = $start.Environment.Remove('LD_PRELOAD')
    $process = [System.Diagnostics.Process]::Start($start)
    $text = $process.StandardError.ReadToEnd()
    $process.WaitForExit()
    if ($process.ExitCode) { Fail 'OperationFailed' 'NotSpecified' "The system failed to convert '$From': $text" 0x80004005 }
}

Register 'Convert-VHD' {
    param($P)
    $from = ConvertTo-Windows $P.Path
    $to = ConvertTo-Windows $P.DestinationPath
    $disk = Read-Disk $from
    Assert-Unused $from
    if (Test-RealFile $to) { Fail 'OperationFailed' 'ResourceExists' "The system failed to create '$to': The file exists." 0x80070050 }
    if ($disk.parent) { Fail 'NotImplemented' 'NotImplemented' 'A differencing disk cannot be converted on this host.' 0x80004001 }
    $fixed = if ($P.ContainsKey('VHDType')) { [string]$P.VHDType -eq 'Fixed' } else { $disk.fixed }
    $options = if ($fixed) { @('-o', 'subformat=fixed,block_state_zero=off') } else { @('-o', "subformat=dynamic,block_size=$($disk.block)") }
    Convert-Content $from $to $options
    if ($P['DeleteSource']) { [System.IO.File]::Delete((ConvertTo-Real $from)) }
    if ($P['Passthru']) { ConvertTo-Vhd $to }
}
