# Virtual disks. Paths are taken as they are: no wildcards, no prefixes.

# Two spellings of the same path.
function Test-CvSamePath([string] $One, [string] $Other) {
    return [string]::Equals((Get-CvPath $One), (Get-CvPath $Other), [StringComparison]::OrdinalIgnoreCase)
}
function Get-CvPath([string] $Path) { return $Path.Replace('/', '\').TrimEnd('\') }

# Whether the drive or share of a path is not there: nobody can tell then what it holds.
function Test-CvAway([string] $Path) { return (-not [IO.Directory]::Exists([IO.Path]::GetPathRoot($Path))) }

# Files of a folder that may be disks, without what is on its way into the place of one. A folder that is not there has none.
function Get-CvDiskFiles([string] $Folder) {
    if (-not [IO.Directory]::Exists($Folder)) { return }
    foreach ($file in [IO.Directory]::GetFiles($Folder)) { if ($file -match '(?<!\.vhdx\.part)\.(a?vhdx?|vhds)$') { $file } }
}

# What is known of disks, each path once. One that something else has open is still there: its size is not known then.
function Get-CvDisks($Paths) {
    $seen = @{}
    foreach ($path in $Paths) {
        $key = (Get-CvPath $path).ToUpperInvariant()
        if ($path -eq '' -or $seen.ContainsKey($key)) { continue }
        $seen[$key] = $true
        Get-CvDisk $path
    }
}

function Get-CvDisk([string] $Path) {
    $file = New-Object IO.FileInfo $Path
    $disk = @{ path = $Path; exists = $file.Exists; away = $false; fileSize = $null; modified = $null; open = $false; size = $null
        type = $null; format = $null; parent = $null; identifier = $null; blockSize = $null; error = $null }
    if (-not $file.Exists) {
        $disk.away = Test-CvAway $Path
        return $disk
    }
    $disk.fileSize = [long] $file.Length
    $disk.modified = $file.LastWriteTimeUtc
    try {
        $vhd = Hyper-V\Get-VHD -Path $Path -ErrorAction Stop
        $disk.size = [long] $vhd.Size
        $disk.type = $vhd.VhdType.ToString()
        $disk.format = $vhd.VhdFormat.ToString()
        $disk.parent = [string] $vhd.ParentPath
        $disk.identifier = [string] $vhd.DiskIdentifier
        $disk.blockSize = [long] $vhd.BlockSize
        $disk.open = [bool] $vhd.Attached
    }
    catch { $disk.error = ConvertTo-CvError $_ }
    return $disk
}

$CvRequests['vhd.get'] = @{ Function = 'Get-CvOneDisk' }
function Get-CvOneDisk($Arguments) { return (Get-CvDisk $Arguments.path) }

# Makes a disk that was not there, or none.
$CvRequests['vhd.create'] = @{ Function = 'New-CvDisk'; Beside = $true }
function New-CvDisk($Arguments) {
    $path = $Arguments.path
    if ([IO.File]::Exists($path)) { Stop-Cv 'VhdExists' @{ path = $path } }
    New-CvFolder ([IO.Path]::GetDirectoryName($path))
    $done = $false
    try {
        $given = @{ Path = $path; ErrorAction = 'Stop' }
        if ($null -ne $Arguments.blockSize) { $given.BlockSizeBytes = [uint32] $Arguments.blockSize }
        switch ($Arguments.type) {
            'Dynamic' { [void] (Hyper-V\New-VHD @given -SizeBytes ([uint64] $Arguments.size) -Dynamic) }
            'Fixed' { [void] (Hyper-V\New-VHD @given -SizeBytes ([uint64] $Arguments.size) -Fixed) }
            'Differencing' {
                $over = @{ ParentPath = $Arguments.parent; ErrorAction = 'Stop' }
                if ($null -ne $Arguments.size) { $over.SizeBytes = [uint64] $Arguments.size }
                [void] (Hyper-V\New-VHD -Path $path @over -Differencing)
            }
            default { Stop-Cv 'NoSuchWord' @{ word = $Arguments.type } }
        }
        $done = $true
    }
    finally { if (-not $done) { Remove-CvFile $path } }
    return (Get-CvDisk $path)
}

# Grows a disk, also while a machine runs with it, if that is on SCSI. Never shrinks.
$CvRequests['vhd.resize'] = @{ Function = 'Resize-CvDisk'; Beside = $true }
function Resize-CvDisk($Arguments) {
    $vhd = Hyper-V\Get-VHD -Path $Arguments.path -ErrorAction Stop
    if ([uint64] $Arguments.size -lt [uint64] $vhd.Size) {
        Stop-Cv 'VhdShrinks' @{ path = $Arguments.path; size = [long] $vhd.Size }
    }
    if ([uint64] $Arguments.size -gt [uint64] $vhd.Size) {
        Hyper-V\Resize-VHD -Path $Arguments.path -SizeBytes ([uint64] $Arguments.size) -ErrorAction Stop
    }
    return (Get-CvDisk $Arguments.path)
}

# Lets a growing disk take the room of its whole size: beside its place first, and into it in one step.
$CvRequests['vhd.fix'] = @{ Function = 'ConvertTo-CvFixedDisk'; Beside = $true }
function ConvertTo-CvFixedDisk($Arguments) {
    $path = $Arguments.path
    # Hyper-V takes disks by the end of their names.
    $part = "$path.part.vhdx"
    Remove-CvFile $part
    try {
        Hyper-V\Convert-VHD -Path $path -DestinationPath $part -VHDType Fixed -ErrorAction Stop
        # PowerShell would give an empty text for $null.
        [IO.File]::Replace($part, $path, [NullString]::Value)
    }
    finally { Remove-CvFile $part }
    return (Get-CvDisk $path)
}

# Who needs a file: machines and their checkpoints that have it as a disk or CD, and disks that lie over it. The disks of
# all machines are looked through, with all that is under them, and the folders that are given.
function Get-CvUses([string] $Path, $Folders) {
    $uses = @{ machine = $null; child = $null }
    $paths = New-Object Collections.ArrayList
    $machines = @(Hyper-V\Get-VM -ErrorAction Stop)
    if ($machines.Count -gt 0) {
        $drives = @(Hyper-V\Get-VMHardDiskDrive -VM $machines -ErrorAction Stop) + @(Hyper-V\Get-VMDvdDrive -VM $machines -ErrorAction Stop)
        foreach ($snapshot in @(Hyper-V\Get-VMSnapshot -VM $machines -ErrorAction Stop)) {
            $drives += @(Hyper-V\Get-VMHardDiskDrive -VMSnapshot $snapshot -ErrorAction Stop)
        }
        foreach ($drive in $drives) {
            [void] $paths.Add([string] $drive.Path)
            if (Test-CvSamePath ([string] $drive.Path) $Path) { $uses.machine = [string] $drive.VMName }
        }
    }
    foreach ($folder in @([IO.Path]::GetDirectoryName($Path)) + @($Folders)) { foreach ($file in (Get-CvDiskFiles $folder)) { [void] $paths.Add($file) } }
    $seen = @{}
    for ($i = 0; $i -lt $paths.Count; $i++) {
        $one = [string] $paths[$i]
        $key = (Get-CvPath $one).ToUpperInvariant()
        if ($seen.ContainsKey($key) -or $one -notmatch '\.(a?vhdx?|vhds)$') { continue }
        $seen[$key] = $true
        $disk = Get-CvDisk $one
        if (-not $disk.parent) { continue }
        if (Test-CvSamePath $disk.parent $Path) { $uses.child = $one }
        [void] $paths.Add($disk.parent)
    }
    return $uses
}

# Deletes one file, if nobody needs it, and the mark that says whose it is before it: a mark without a file would make the
# next file of that name ours. What an attempt that was broken off left beside it goes too. A file that is not there is gone,
# unless its drive is away.
$CvRequests['vhd.remove'] = @{ Function = 'Remove-CvDisk'; Beside = $true }
function Remove-CvDisk($Arguments) {
    $path = $Arguments.path
    $there = [IO.File]::Exists($path)
    if (-not $there -and (Test-CvAway $path)) { Stop-Cv 'Away' @{ path = $path } }
    if ($there) {
        $uses = Get-CvUses $path $Arguments.folders
        if ($null -ne $uses.machine) { Stop-Cv 'VhdInUse' @{ path = $path; machine = $uses.machine } }
        if ($null -ne $uses.child) { Stop-Cv 'VhdHasChild' @{ path = $path; child = $uses.child } }
    }
    [void] (Set-CvFileMark @{ path = $path; mark = $null })
    foreach ($file in "$path.part", "$path.part.vhdx", $path) { Remove-CvFile $file }
    return @{ removed = $there }
}

$CvRequests['vhd.uses'] = @{ Function = 'Get-CvDiskUses' }
function Get-CvDiskUses($Arguments) { return (Get-CvUses $Arguments.path $Arguments.folders) }
