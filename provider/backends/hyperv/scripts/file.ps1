# Files on the way to the host: parts that are uploaded, checked and then put in their place.

# Seconds for which a file may still be in use that nobody needs any more: a machine lets go of its files a little after
# it is off.
$CvReleaseLimit = 10

# Deletes exactly this file.
function Remove-CvFile([string] $Path) {
    if (-not [IO.File]::Exists($Path)) { return }
    [IO.File]::SetAttributes($Path, [IO.FileAttributes]::Normal)
    $end = [datetime]::UtcNow.AddSeconds($CvReleaseLimit)
    while ($true) {
        try { return [IO.File]::Delete($Path) }
        catch {
            # ERROR_SHARING_VIOLATION
            $busy = $_.Exception.HResult -eq -2147024864 -or ($null -ne $_.Exception.InnerException -and $_.Exception.InnerException.HResult -eq -2147024864)
            if (-not $busy -or [datetime]::UtcNow -gt $end) { throw }
            Start-Sleep -Milliseconds 200
        }
    }
}

# Makes a folder, and those above it.
function New-CvFolder([string] $Path) {
    if ($Path -eq '' -or [IO.Directory]::Exists($Path)) { return }
    New-CvFolder ([string] [IO.Path]::GetDirectoryName($Path))
    [void] [IO.Directory]::CreateDirectory($Path)
}

# SHA-256 of a file, in lower case, with progress; a file that something writes to is refused by Windows.
function Get-CvHash([string] $Path) {
    $stream = New-Object IO.FileStream $Path, ([IO.FileMode]::Open), ([IO.FileAccess]::Read), ([IO.FileShare]::Read), 1048576
    $hash = [Security.Cryptography.SHA256]::Create()
    try {
        $buffer = New-Object byte[] 4194304
        $done = [long] 0
        while (($count = $stream.Read($buffer, 0, $buffer.Length)) -gt 0) {
            [void] $hash.TransformBlock($buffer, 0, $count, $null, 0)
            $done += $count
            Send-CvProgress $done $stream.Length
        }
        [void] $hash.TransformFinalBlock($buffer, 0, 0)
        return [BitConverter]::ToString($hash.Hash).Replace('-', '').ToLowerInvariant()
    }
    finally {
        $stream.Dispose()
        $hash.Dispose()
    }
}

$CvRequests['file.hash'] = @{ Function = 'Get-CvFileHash'; Beside = $true }
function Get-CvFileHash($Arguments) { return @{ sha256 = Get-CvHash $Arguments.path } }

# Makes the folder of a part, so that it can be uploaded, and says whether the place it is for is taken.
$CvRequests['file.prepare'] = @{ Function = 'New-CvPart'; Beside = $true }
function New-CvPart($Arguments) {
    New-CvFolder ([IO.Path]::GetDirectoryName($Arguments.part))
    Remove-CvFile $Arguments.part
    return @{ taken = [IO.File]::Exists($Arguments.path) }
}

# A piece of a part, for hosts without sftp. An empty one at the start makes the file.
$CvRequests['file.write'] = @{ Function = 'Write-CvPart' }
function Write-CvPart($Arguments) {
    $bytes = [Convert]::FromBase64String($Arguments.data)
    $mode = $(if ($Arguments.offset -eq 0 -and $bytes.Length -eq 0) { [IO.FileMode]::Create } else { [IO.FileMode]::Open })
    $stream = New-Object IO.FileStream $Arguments.part, $mode, ([IO.FileAccess]::Write), ([IO.FileShare]::None)
    try {
        [void] $stream.Seek([long] $Arguments.offset, [IO.SeekOrigin]::Begin)
        $stream.Write($bytes, 0, $bytes.Length)
    }
    finally { $stream.Dispose() }
    return @{ length = $bytes.Length }
}

# Puts a part in its place in one step, once its length and digest are right. What is wrong is deleted.
$CvRequests['file.publish'] = @{ Function = 'Publish-CvPart'; Beside = $true }
function Publish-CvPart($Arguments) {
    $part = $Arguments.part
    $path = $Arguments.path
    if (-not [IO.File]::Exists($part)) { Stop-Cv 'NoFile' @{ path = $part } }
    $length = (New-Object IO.FileInfo $part).Length
    if ($length -ne [long] $Arguments.length) {
        Remove-CvFile $part
        Stop-Cv 'WrongLength' @{ path = $path; length = $length; wanted = $Arguments.length }
    }
    if ($null -ne $Arguments.sha256) {
        $sha256 = Get-CvHash $part
        if ($sha256 -ne $Arguments.sha256) {
            Remove-CvFile $part
            Stop-Cv 'WrongHash' @{ path = $path; sha256 = $sha256; wanted = $Arguments.sha256 }
        }
    }
    # Hyper-V refuses sparse files, and some tools and servers write such.
    $null = & fsutil.exe sparse setflag $part 0
    if ($LASTEXITCODE -ne 0) { Stop-Cv 'StaysSparse' @{ path = $path; status = $LASTEXITCODE } }
    if ([IO.File]::Exists($path)) {
        if (-not $Arguments.replace) { Stop-Cv 'FileExists' @{ path = $path } }
        Remove-CvFile $path
    }
    [IO.File]::Move($part, $path)
    if ($Arguments.newIdentifier) { Hyper-V\Set-VHD -Path $path -ResetDiskIdentifier -Force -ErrorAction Stop }
    return (Get-CvDisk $path)
}

# Copies a file on the host beside its place, and puts it there when it is complete.
$CvRequests['file.copy'] = @{ Function = 'Copy-CvFile'; Beside = $true }
function Copy-CvFile($Arguments) {
    $path = $Arguments.path
    if ([IO.File]::Exists($path)) { Stop-Cv 'FileExists' @{ path = $path } }
    New-CvFolder ([IO.Path]::GetDirectoryName($path))
    $part = "$path.part"
    try {
        # Copy-Item clones blocks where the file system can.
        Copy-Item -LiteralPath $Arguments.source -Destination $part -ErrorAction Stop
        [IO.File]::SetAttributes($part, [IO.FileAttributes]::Normal)
        [IO.File]::Move($part, $path)
    }
    finally { Remove-CvFile $part }
    if ($Arguments.newIdentifier) { Hyper-V\Set-VHD -Path $path -ResetDiskIdentifier -Force -ErrorAction Stop }
    return (Get-CvDisk $path)
}

$CvRequests['file.remove'] = @{ Function = 'Remove-CvOneFile'; Beside = $true }
function Remove-CvOneFile($Arguments) {
    $there = [IO.File]::Exists($Arguments.path)
    Remove-CvFile $Arguments.path
    return @{ removed = $there }
}
