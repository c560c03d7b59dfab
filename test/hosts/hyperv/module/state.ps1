# The state of the host: records by key, in a log that all sessions append to under one lock. The last line of a key counts;
# an empty value says that it is gone. Readers go on where they stopped; a log that grew too long is written anew.

$logPath = "$own/state.log"
$lines = @{}      # key -> text of the record
$records = @{}    # key -> parsed record, for reading only
$order = @{}      # kind -> its keys, in the order in which they were made
$epoch = ''
$offset = 0
$depth = 0

# Runs a block while no other session changes anything, on the newest state. May be nested. (A block sees the variables of who runs it, so
# none of those that blocks use may be called so here.)
function Use-Lock([scriptblock]$Locked) {
    if ($script:depth -gt 0) { return & $Locked }
    $stream = $null
    for ($wait = 1; $null -eq $stream; $wait = [Math]::Min($wait * 2, 16)) {
        try { $stream = New-Object System.IO.FileStream "$own/lock", 'OpenOrCreate', 'ReadWrite', 'None' }
        catch { [System.Threading.Thread]::Sleep($wait) }
    }
    $script:depth = 1
    try { Sync-State; & $Locked } finally { $script:depth = 0; $stream.Dispose() }
}

# Takes over what was appended since the last look: at the begin of each call, of each lock and of each wait.
function Sync-State {
    $stream = New-Object System.IO.FileStream $logPath, 'Open', 'Read', 'ReadWrite, Delete', 4096
    try {
        $head = New-Object byte[] 37
        if ($stream.Read($head, 0, 37) -lt 37) { throw 'the state has no head' }
        $now = $utf8.GetString($head, 0, 36)
        if ($now -ne $script:epoch) {
            $script:epoch = $now
            $script:offset = 37
            $lines.Clear(); $records.Clear(); $order.Clear()
        }
        $length = $stream.Length - $script:offset
        if ($length -le 0) { return }
        $bytes = New-Object byte[] $length
        $null = $stream.Seek($script:offset, 'Begin')
        $count = 0
        while ($count -lt $length) { $count += $stream.Read($bytes, $count, $length - $count) }
    }
    finally { $stream.Dispose() }
    $text = $utf8.GetString($bytes)
    # A session that died while it wrote leaves half a line, which nobody has to see.
    $end = $text.LastIndexOf("`n")
    if ($end -lt 0) { return }
    $script:offset += $utf8.GetByteCount($text.Substring(0, $end + 1))
    foreach ($line in $text.Substring(0, $end).Split("`n")) {
        $at = $line.IndexOf("`t")
        if ($at -lt 1) { continue }
        $key = $line.Substring(0, $at)
        $records.Remove($key)
        $kind = $key.Substring(0, $key.IndexOf('/'))
        if (-not $order.ContainsKey($kind)) { $order[$kind] = New-Object System.Collections.Generic.List[string] }
        if ($at + 1 -eq $line.Length) { $lines.Remove($key); $null = $order[$kind].Remove($key) }
        else {
            if (-not $lines.ContainsKey($key)) { $order[$kind].Add($key) }
            $lines[$key] = $line.Substring($at + 1)
        }
    }
}

# All records of a kind, in the order in which they were made. Not to be changed: see Open-Record.
function Get-Records([string]$Kind) {
    if (-not $order.ContainsKey($Kind)) { return }
    $keys = $order[$Kind].ToArray()
    $new = @(foreach ($key in $keys) { if (-not $records.ContainsKey($key)) { $key } })
    # Many at once are parsed as one text: it is several times as fast.
    for ($i = 0; $i -lt $new.Count; $i += 100) {
        $some = @($new[$i..([Math]::Min($i + 99, $new.Count - 1))])
        $parsed = ConvertFrom-Json ('[' + (@(foreach ($key in $some) { $lines[$key] }) -join ',') + ']')
        $j = 0
        foreach ($record in $parsed) { $records[$some[$j]] = $record; $j++ }
    }
    foreach ($key in $keys) { $records[$key] }
}

# The record of a key for reading, or nothing.
function Get-Record([string]$Key) {
    if (-not $lines.ContainsKey($Key)) { return }
    if (-not $records.ContainsKey($Key)) { $records[$Key] = ConvertFrom-Json $lines[$Key] }
    $records[$Key]
}

# A copy of a record, to be changed and saved. Only within Use-Lock.
function Open-Record([string]$Key) {
    if ($lines.ContainsKey($Key)) { ConvertFrom-Json $lines[$Key] }
}

function Save-Record([string]$Key, $Record) {
    Add-State "$Key`t$(ConvertTo-Json -InputObject $Record -Compress -Depth 10)"
}

function Remove-Record([string]$Key) { Add-State "$Key`t" }

function Add-State([string]$Line) {
    # What a dead session left unfinished is closed first, so that it does not swallow this line.
    $stream = New-Object System.IO.FileStream $logPath, 'Open', 'ReadWrite', 'ReadWrite, Delete', 4096
    try {
        $null = $stream.Seek(-1, 'End')
        $prefix = if ($stream.ReadByte() -eq 10) { '' } else { "`n" }
        $bytes = $utf8.GetBytes($prefix + $Line + "`n")
        $stream.Write($bytes, 0, $bytes.Length)
        $size = $stream.Length
    }
    finally { $stream.Dispose() }
    Sync-State
    if ($size -gt 1000000) { Compress-State $size }
}

# Writes the log anew, in one step, when most of it does not count any more.
function Compress-State([long]$Size) {
    $needed = 0
    foreach ($key in $lines.Keys) { $needed += $key.Length + $lines[$key].Length }
    if ($Size -lt 4 * $needed) { return }
    $text = New-Object System.Text.StringBuilder
    $null = $text.Append([Guid]::NewGuid().ToString()).Append("`n")
    foreach ($kind in $order.Keys) { foreach ($key in $order[$kind]) { $null = $text.Append($key).Append("`t").Append($lines[$key]).Append("`n") } }
    [System.IO.File]::WriteAllText("$logPath.new", $text.ToString(), $utf8)
    [System.IO.File]::Move("$logPath.new", $logPath, $true)
}

# A record of an object that has to be there.
function Open-Known([string]$Kind, [string]$Id, [string]$What) {
    $record = Open-Record "$Kind/$Id"
    if ($null -eq $record) { Deny-Missing $What $Id }
    $record
}
