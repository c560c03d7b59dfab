# A pool is a folder. Whose it is stands in a file in it.

$CvMarkFile = '.crossvisor.json'

$CvRequests['pool.get'] = @{ Function = 'Get-CvPool' }
function Get-CvPool($Arguments) {
    $path = $Arguments.path
    $pool = @{ path = $path; exists = [IO.Directory]::Exists($path); mark = $null; capacity = $null; available = $null; disks = @() }
    if (-not $pool.exists) {
        if ([IO.File]::Exists($path)) { Stop-Cv 'NoFolder' @{ path = $path } }
        return $pool
    }
    $mark = [IO.Path]::Combine($path, $CvMarkFile)
    if ([IO.File]::Exists($mark)) { $pool.mark = [IO.File]::ReadAllText($mark) }
    # A share has no drive of its own, so its space is not known.
    if ($path -match '^[A-Za-z]:') {
        $drive = New-Object IO.DriveInfo ($path.Substring(0, 1) + ':\')
        $pool.capacity = [long] $drive.TotalSize
        $pool.available = [long] $drive.AvailableFreeSpace
    }
    $pool.disks = @(Get-CvDisks @(Get-CvDiskFiles $path))
    return $pool
}

# Makes the folder where it is missing, and marks it.
$CvRequests['pool.create'] = @{ Function = 'New-CvPool'; Beside = $true }
function New-CvPool($Arguments) {
    New-CvFolder $Arguments.path
    if ($null -ne $Arguments.mark) {
        $mark = [IO.Path]::Combine($Arguments.path, $CvMarkFile)
        [IO.File]::WriteAllText($mark, $Arguments.mark)
    }
    return (Get-CvPool $Arguments)
}

# Takes the mark away, and the folder when it is asked for and is empty then.
$CvRequests['pool.remove'] = @{ Function = 'Remove-CvPool'; Beside = $true }
function Remove-CvPool($Arguments) {
    $path = $Arguments.path
    if (-not [IO.Directory]::Exists($path)) { return @{ removed = $false } }
    $mark = [IO.Path]::Combine($path, $CvMarkFile)
    $others = @([IO.Directory]::GetFileSystemEntries($path) | Where-Object { -not (Test-CvSamePath $_ $mark) })
    if ($Arguments.folder -and $others.Count -gt 0) { Stop-Cv 'FolderNotEmpty' @{ path = $path; first = [IO.Path]::GetFileName($others[0]) } }
    Remove-CvFile $mark
    if ($Arguments.folder) { [IO.Directory]::Delete($path) }
    return @{ removed = $true }
}
