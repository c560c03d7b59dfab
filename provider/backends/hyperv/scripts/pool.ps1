# A pool is a folder. Whose it is, and whose the files in it are, stands in a folder of our own in it, so that it goes
# where the folder goes; which folders are pools stands in a list of the host.

$CvMarkFolder = '.crossvisor'
$CvPoolMark = 'pool'

function Get-CvMarkPath([string] $Folder, [string] $Name) { return [IO.Path]::Combine($Folder, $CvMarkFolder, "$Name.json") }
function Get-CvPoolList { return [IO.Path]::Combine($env:ProgramData, 'crossvisor', 'pools') }

# The place of a folder in the list: its name is the digest of the path, whatever the case of its letters.
function Get-CvPoolEntry([string] $Path) {
    $hash = [Security.Cryptography.SHA256]::Create()
    $bytes = $hash.ComputeHash([Text.Encoding]::UTF8.GetBytes((Get-CvPath $Path).ToUpperInvariant()))
    $hash.Dispose()
    return [IO.Path]::Combine((Get-CvPoolList), [BitConverter]::ToString($bytes).Replace('-', '').Substring(0, 32) + '.txt')
}

# In one step, so that a reader sees the old mark or the new one. What an attempt that was broken off left is written over.
function Set-CvText([string] $Path, [string] $Text) {
    New-CvFolder ([IO.Path]::GetDirectoryName($Path))
    $part = "$Path.part"
    [IO.File]::WriteAllText($part, $Text)
    if ([IO.File]::Exists($Path)) { [IO.File]::Replace($part, $Path, [NullString]::Value) } else { [IO.File]::Move($part, $Path) }
}

# All pools: the folder that Hyper-V takes for disks, and those of the list.
function Get-CvPools {
    $default = [string] (Hyper-V\Get-VMHost -ErrorAction Stop).VirtualHardDiskPath
    Get-CvFolderFacts $default $true
    $entries = Get-CvPoolList
    if (-not [IO.Directory]::Exists($entries)) { return }
    foreach ($entry in [IO.Directory]::GetFiles($entries, '*.txt')) {
        $path = [IO.File]::ReadAllText($entry)
        if (-not (Test-CvSamePath $path $default)) { Get-CvFolderFacts $path $false }
    }
}

function Get-CvFolderFacts([string] $Path, [bool] $Default) {
    $pool = @{ path = $Path; exists = [IO.Directory]::Exists($Path); away = $false; isDefault = $Default; mark = $null; capacity = $null; available = $null; marks = @() }
    if (-not $pool.exists) {
        $pool.away = Test-CvAway $Path
        return $pool
    }
    $mark = Get-CvMarkPath $Path $CvPoolMark
    # A mark in a folder that is not on the list was copied there with it.
    if (($Default -or [IO.File]::Exists((Get-CvPoolEntry $Path))) -and [IO.File]::Exists($mark)) { $pool.mark = [IO.File]::ReadAllText($mark) }
    # A share has no drive of its own, so its space is not known.
    if ($Path -match '^[A-Za-z]:') {
        $drive = New-Object IO.DriveInfo ($Path.Substring(0, 1) + ':\')
        $pool.capacity = [long] $drive.TotalSize
        $pool.available = [long] $drive.AvailableFreeSpace
    }
    $own = [IO.Path]::Combine($Path, $CvMarkFolder)
    if ([IO.Directory]::Exists($own)) {
        $pool.marks = @(foreach ($file in [IO.Directory]::GetFiles($own, '*.json')) {
                $name = [IO.Path]::GetFileNameWithoutExtension($file)
                if ($name -ne $CvPoolMark) { @{ file = $name; text = [IO.File]::ReadAllText($file) } }
            })
    }
    return $pool
}

$CvRequests['pool.get'] = @{ Function = 'Get-CvPool' }
function Get-CvPool($Arguments) {
    if ([IO.File]::Exists($Arguments.path)) { Stop-Cv 'NoFolder' @{ path = $Arguments.path } }
    $default = [string] (Hyper-V\Get-VMHost -ErrorAction Stop).VirtualHardDiskPath
    return (Get-CvFolderFacts $Arguments.path (Test-CvSamePath $Arguments.path $default))
}

# Makes the folder where it is missing, and marks it.
$CvRequests['pool.create'] = @{ Function = 'New-CvPool'; Beside = $true }
function New-CvPool($Arguments) {
    if ([IO.File]::Exists($Arguments.path)) { Stop-Cv 'NoFolder' @{ path = $Arguments.path } }
    New-CvFolder $Arguments.path
    Set-CvText (Get-CvMarkPath $Arguments.path $CvPoolMark) $Arguments.mark
    Set-CvText (Get-CvPoolEntry $Arguments.path) $Arguments.path
    return (Get-CvPool $Arguments)
}

# Takes its mark away and it from the list, and the folder when it is asked for and holds nothing then. The list comes last:
# what is broken off before is a pool still, which the next attempt removes.
$CvRequests['pool.remove'] = @{ Function = 'Remove-CvPool'; Beside = $true }
function Remove-CvPool($Arguments) {
    $path = $Arguments.path
    if (Test-CvAway $path) { Stop-Cv 'Away' @{ path = $path } }
    $own = [IO.Path]::Combine($path, $CvMarkFolder)
    if ($Arguments.folder -and [IO.Directory]::Exists($path)) {
        $others = @([IO.Directory]::GetFileSystemEntries($path) | Where-Object { -not (Test-CvSamePath $_ $own) })
        if ($others.Count -gt 0) { Stop-Cv 'FolderNotEmpty' @{ path = $path; first = [IO.Path]::GetFileName($others[0]) } }
    }
    $entry = Get-CvPoolEntry $path
    $removed = [IO.File]::Exists($entry)
    if ($Arguments.folder -and [IO.Directory]::Exists($path)) { [IO.Directory]::Delete($path, $true) }
    Remove-CvFile (Get-CvMarkPath $path $CvPoolMark)
    Remove-CvFile $entry
    return @{ removed = $removed }
}

# Whose a file is; without a mark nobody's.
$CvRequests['file.mark'] = @{ Function = 'Set-CvFileMark'; Beside = $true }
function Set-CvFileMark($Arguments) {
    $mark = Get-CvMarkPath ([IO.Path]::GetDirectoryName($Arguments.path)) ([IO.Path]::GetFileName($Arguments.path))
    if ($null -eq $Arguments.mark) { Remove-CvFile $mark } else { Set-CvText $mark $Arguments.mark }
    return @{}
}
