# VHDX files, as [MS-VHDX] describes them: made, read and grown here, since qemu-img makes no differencing ones and
# resizes none. A file opened by /proc/self/root is not subject to the locks that the host's other programs meet.

$regionBat = [Guid]'2dc27766-f623-4200-9d64-115e9bfd4a08'
$regionMetadata = [Guid]'8b7ca206-4790-4b9a-b8fe-575f050f886e'
$itemParameters = [Guid]'caa16737-fa36-4d43-b3b6-33f0aa44e76b'
$itemSize = [Guid]'2fa54224-cd1b-4876-b211-5dbed83bf4b8'
$itemIdentifier = [Guid]'beca12ab-b2e6-4523-93ef-c309e000c746'
$itemLogical = [Guid]'8141bf1d-a96f-4709-ba47-f233a8faab5f'
$itemPhysical = [Guid]'cda348c7-445d-4471-9cc9-e9885251c556'
$itemParent = [Guid]'a8d35f2d-b30b-454d-abf7-d3d84834ab0c'
$locatorVhdx = [Guid]'b04aefb7-d19e-4a81-b789-25b8e9445913'

function Get-Unlocked([string]$Path) { '/proc/self/root' + (ConvertTo-Real $Path) }

# CRC-32C of a structure whose own checksum, at byte 4, counts as zero.
function Set-Checksum([byte[]]$Bytes) {
    [Array]::Clear($Bytes, 4, 4)
    $crc = [uint32]::MaxValue
    for ($i = 0; $i -lt $Bytes.Length; $i += 8) { $crc = [System.Numerics.BitOperations]::Crc32C($crc, [BitConverter]::ToUInt64($Bytes, $i)) }
    [BitConverter]::GetBytes([uint32]($crc -bxor [uint32]::MaxValue)).CopyTo($Bytes, 4)
}

function Write-At([System.IO.Stream]$Stream, [long]$Offset, [byte[]]$Bytes) {
    $null = $Stream.Seek($Offset, 'Begin')
    $Stream.Write($Bytes, 0, $Bytes.Length)
}
function Read-At([System.IO.Stream]$Stream, [long]$Offset, [int]$Count) {
    $bytes = New-Object byte[] $Count
    $null = $Stream.Seek($Offset, 'Begin')
    $done = 0
    while ($done -lt $Count) {
        $n = $Stream.Read($bytes, $done, $Count - $done)
        if ($n -eq 0) { break }
        $done += $n
    }
    , $bytes
}

function New-HeaderBytes([long]$Sequence, [Guid]$Data) {
    $bytes = New-Object byte[] 4096
    $writer = New-Object System.IO.BinaryWriter (New-Object System.IO.MemoryStream (, $bytes))
    $writer.Write([byte[]]@(0x68, 0x65, 0x61, 0x64)); $writer.Write([int]0); $writer.Write($Sequence)
    $writer.Write([Guid]::NewGuid().ToByteArray()); $writer.Write($Data.ToByteArray()); $writer.Write([Guid]::Empty.ToByteArray())
    $writer.Write([int16]0); $writer.Write([int16]1); $writer.Write([int]1MB); $writer.Write([long]1MB)
    Set-Checksum $bytes
    , $bytes
}

function New-RegionBytes([long]$BatOffset, [int]$BatLength) {
    $bytes = New-Object byte[] 65536
    $writer = New-Object System.IO.BinaryWriter (New-Object System.IO.MemoryStream (, $bytes))
    $writer.Write([byte[]]@(0x72, 0x65, 0x67, 0x69)); $writer.Write([int]0); $writer.Write([int]2); $writer.Write([int]0)
    $writer.Write($regionBat.ToByteArray()); $writer.Write($BatOffset); $writer.Write($BatLength); $writer.Write([int]1)
    $writer.Write($regionMetadata.ToByteArray()); $writer.Write([long]2MB); $writer.Write([int]1MB); $writer.Write([int]1)
    Set-Checksum $bytes
    , $bytes
}

# The parent's name and the mark of its content; it must not have changed when the child is used.
function New-LocatorBytes([string]$Parent, [Guid]$Linkage) {
    $pairs = @('parent_linkage', "{$Linkage}"), @('absolute_win32_path', "\\?\$Parent"), @('relative_path', ".\$($Parent.Substring($Parent.LastIndexOf('\') + 1))")
    $head = New-Object System.IO.BinaryWriter (New-Object System.IO.MemoryStream)
    $head.Write($locatorVhdx.ToByteArray()); $head.Write([int16]0); $head.Write([int16]$pairs.Count)
    $tail = New-Object System.IO.MemoryStream
    $base = 20 + 12 * $pairs.Count
    foreach ($pair in $pairs) {
        $key = [System.Text.Encoding]::Unicode.GetBytes($pair[0])
        $value = [System.Text.Encoding]::Unicode.GetBytes($pair[1])
        $head.Write([int]($base + $tail.Length)); $head.Write([int]($base + $tail.Length + $key.Length)); $head.Write([int16]$key.Length); $head.Write([int16]$value.Length)
        $tail.Write($key, 0, $key.Length); $tail.Write($value, 0, $value.Length)
    }
    $head.Write($tail.ToArray())
    , $head.BaseStream.ToArray()
}

function New-MetadataBytes($Disk) {
    $parameters = [byte[]]([BitConverter]::GetBytes([int]$Disk.block) + [BitConverter]::GetBytes([int](($Disk.fixed -as [int]) + 2 * [int][bool]$Disk.parent)))
    $items = @(@($itemParameters, $parameters, 4), @($itemSize, [BitConverter]::GetBytes([long]$Disk.size), 6), @($itemIdentifier, ([Guid]$Disk.identifier).ToByteArray(), 6), @($itemLogical, [BitConverter]::GetBytes([int]$Disk.logical), 6), @($itemPhysical, [BitConverter]::GetBytes([int]$Disk.physical), 6))
    if ($Disk.parent) { $items += , @($itemParent, (New-LocatorBytes $Disk.parent $Disk.linkage), 4) }
    $bytes = New-Object byte[] 131072
    $writer = New-Object System.IO.BinaryWriter (New-Object System.IO.MemoryStream (, $bytes))
    $writer.Write([System.Text.Encoding]::ASCII.GetBytes('metadata')); $writer.Write([int16]0); $writer.Write([int16]$items.Count); $writer.Write((New-Object byte[] 20))
    $at = 65536
    foreach ($item in $items) {
        $writer.Write($item[0].ToByteArray()); $writer.Write([int]$at); $writer.Write([int]$item[1].Length); $writer.Write([int]$item[2]); $writer.Write([int]0)
        ([byte[]]$item[1]).CopyTo($bytes, $at)
        $at += $item[1].Length
    }
    , $bytes
}

# How many entries the block table has: a bitmap's entry follows each chunk, and a disk with a parent has all bitmaps.
function Get-EntryCount([long]$Size, [long]$Block, [int]$Logical, [bool]$Child) {
    $blocks = [long][Math]::Ceiling($Size / $Block)
    $chunk = [long](8388608 * $Logical / $Block)
    if ($Child) { return [long][Math]::Ceiling($blocks / $chunk) * ($chunk + 1) }
    $blocks + [long][Math]::Floor(($blocks - 1) / $chunk)
}

function Write-Vhdx([string]$Path, $Disk) {
    $count = Get-EntryCount $Disk.size $Disk.block $Disk.logical ([bool]$Disk.parent)
    $batLength = [int]([Math]::Ceiling($count * 8 / 1MB) * 1MB)
    $real = ConvertTo-Real $Path
    (New-Object System.IO.DirectoryInfo ($real.Substring(0, $real.LastIndexOf('/')))).Refresh()
    $stream = New-Object System.IO.FileStream $real, 'CreateNew', 'ReadWrite', 'None'
    try {
        $stream.SetLength(3MB + $batLength)
        Write-At $stream 0 ([System.Text.Encoding]::ASCII.GetBytes('vhdxfile') + [System.Text.Encoding]::Unicode.GetBytes('crossvisor test host'))
        $data = [Guid]::NewGuid()
        Write-At $stream 64KB (New-HeaderBytes 1 $data)
        Write-At $stream 128KB (New-HeaderBytes 2 $data)
        $regions = New-RegionBytes 3MB $batLength
        Write-At $stream 192KB $regions
        Write-At $stream 256KB $regions
        Write-At $stream 2MB (New-MetadataBytes $Disk)
        if ($Disk.fixed) { Set-FixedBlocks $stream 3MB (3MB + $batLength) $Disk 0 }
    }
    finally { $stream.Dispose() }
}

# All blocks of a fixed disk from number `first` on, at the end of the file. They are holes here, as New-VHD zeroes them.
function Set-FixedBlocks($Stream, [long]$Bat, [long]$Data, $Disk, [long]$First) {
    $chunk = [long](8388608 * $Disk.logical / $Disk.block)
    $blocks = [long][Math]::Ceiling($Disk.size / $Disk.block)
    for ($i = $First; $i -lt $blocks; $i++) {
        Write-At $Stream ($Bat + 8 * ($i + [long][Math]::Floor($i / $chunk))) ([BitConverter]::GetBytes([long]($Data + 6)))
        $Data += $Disk.block
    }
    $Stream.SetLength($Data)
}

# Table of what a VHDX says of itself; nothing when it is none.
function Read-Vhdx([string]$Path) {
    $stream = New-Object System.IO.FileStream (Get-Unlocked $Path), 'Open', 'Read', 'ReadWrite, Delete'
    try {
        if ([System.Text.Encoding]::ASCII.GetString((Read-At $stream 0 8)) -ne 'vhdxfile') { return }
        $first = Read-At $stream 64KB 80
        $second = Read-At $stream 128KB 80
        $header = if ([BitConverter]::ToInt64($first, 8) -gt [BitConverter]::ToInt64($second, 8)) { $first } else { $second }
        $disk = [ordered]@{ length = $stream.Length; sequence = [BitConverter]::ToInt64($header, 8); linkage = New-Object Guid (, [byte[]]$header[32..47]); bat = [long]0; batLength = 0; metadata = [long]0; size = [long]0; block = 0; fixed = $false; parent = $null; parentLinkage = $null; identifier = ''; logical = 512; physical = 4096; sizeAt = [long]0; identifierAt = [long]0; locatorAt = [long]0 }
        $regions = Read-At $stream 192KB 4096
        for ($i = 0; $i -lt [BitConverter]::ToInt32($regions, 8); $i++) {
            $at = 16 + 32 * $i
            $id = New-Object Guid (, [byte[]]$regions[$at..($at + 15)])
            if ($id -eq $regionBat) { $disk.bat = [BitConverter]::ToInt64($regions, $at + 16); $disk.batLength = [BitConverter]::ToInt32($regions, $at + 24) }
            if ($id -eq $regionMetadata) { $disk.metadata = [BitConverter]::ToInt64($regions, $at + 16) }
        }
        Read-Metadata $stream $disk
        $disk
    }
    finally { $stream.Dispose() }
}

function Read-Metadata($Stream, $Disk) {
    $table = Read-At $Stream $Disk.metadata 4096
    for ($i = 0; $i -lt [BitConverter]::ToInt16($table, 10); $i++) {
        $entry = 32 + 32 * $i
        $id = New-Object Guid (, [byte[]]$table[$entry..($entry + 15)])
        $at = $Disk.metadata + [BitConverter]::ToInt32($table, $entry + 16)
        $bytes = Read-At $Stream $at ([BitConverter]::ToInt32($table, $entry + 20))
        if ($id -eq $itemParameters) { $Disk.block = [BitConverter]::ToInt32($bytes, 0); $flags = [BitConverter]::ToInt32($bytes, 4); $Disk.fixed = [bool]($flags -band 1) }
        if ($id -eq $itemSize) { $Disk.size = [BitConverter]::ToInt64($bytes, 0); $Disk.sizeAt = $at }
        if ($id -eq $itemIdentifier) { $Disk.identifier = (New-Object Guid (, $bytes)).ToString().ToUpperInvariant(); $Disk.identifierAt = $at }
        if ($id -eq $itemLogical) { $Disk.logical = [BitConverter]::ToInt32($bytes, 0) }
        if ($id -eq $itemPhysical) { $Disk.physical = [BitConverter]::ToInt32($bytes, 0) }
        if ($id -eq $itemParent) {
            for ($j = 0; $j -lt [BitConverter]::ToInt16($bytes, 18); $j++) {
                $p = 20 + 12 * $j
                $key = [System.Text.Encoding]::Unicode.GetString($bytes, [BitConverter]::ToInt32($bytes, $p), [BitConverter]::ToInt16($bytes, $p + 8))
                $value = [System.Text.Encoding]::Unicode.GetString($bytes, [BitConverter]::ToInt32($bytes, $p + 4), [BitConverter]::ToInt16($bytes, $p + 10))
                if ($key -eq 'absolute_win32_path') { $Disk.parent = $value -replace '^\\\\\?\\', '' }
                if ($key -eq 'parent_linkage') { $Disk.parentLinkage = [Guid]$value }
            }
        }
    }
}

# Grows a disk: its size, and its block table at a new place where the old one is too small.
function Expand-Vhdx([string]$Path, [long]$Size) {
    $disk = Read-Vhdx $Path
    $old = $disk.size
    $stream = New-Object System.IO.FileStream (Get-Unlocked $Path), 'Open', 'ReadWrite', 'ReadWrite'
    try {
        $count = Get-EntryCount $Size $disk.block $disk.logical ([bool]$disk.parent)
        $needed = [int]([Math]::Ceiling($count * 8 / 1MB) * 1MB)
        if ($needed -gt $disk.batLength) {
            $entries = Read-At $stream $disk.bat $disk.batLength
            $place = [long]([Math]::Ceiling($stream.Length / 1MB) * 1MB)
            $stream.SetLength($place + $needed)
            Write-At $stream $place $entries
            $regions = New-RegionBytes $place $needed
            Write-At $stream 192KB $regions
            Write-At $stream 256KB $regions
            $disk.bat = $place
        }
        Write-At $stream $disk.sizeAt ([BitConverter]::GetBytes($Size))
        $disk.size = $Size
        if ($disk.fixed) { Set-FixedBlocks $stream $disk.bat $stream.Length $disk ([long][Math]::Ceiling($old / $disk.block)) }
    }
    finally { $stream.Dispose() }
}

# Content changed: children that remember the old mark do not fit any more.
function Set-Linkage([string]$Path) {
    $disk = Read-Vhdx $Path
    $stream = New-Object System.IO.FileStream (Get-Unlocked $Path), 'Open', 'ReadWrite', 'ReadWrite'
    try {
        $data = [Guid]::NewGuid()
        Write-At $stream 64KB (New-HeaderBytes ($disk.sequence + 1) $data)
        Write-At $stream 128KB (New-HeaderBytes ($disk.sequence + 2) $data)
    }
    finally { $stream.Dispose() }
}
