# What all requests share: the answer as ASCII JSON, and errors as data. This file comes first in the agent's body.

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$WarningPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
$ConfirmPreference = 'None'

# Every request: its function, and whether it runs beside the main loop, because it changes something or takes long.
$CvRequests = @{}

# ConvertTo-Json of Windows PowerShell 5.1 changes dates, enums and short lists, and writes what a code page can spoil.
function Add-CvJson([Text.StringBuilder] $Out, $Value) {
    if ($null -eq $Value) { [void] $Out.Append('null') }
    elseif ($Value -is [string] -or $Value -is [char]) { Add-CvText $Out ([string] $Value) }
    elseif ($Value -is [bool]) { [void] $Out.Append($(if ($Value) { 'true' } else { 'false' })) }
    elseif ($Value -is [enum]) { Add-CvText $Out $Value.ToString() }
    elseif ($Value -is [datetime]) { Add-CvText $Out $Value.ToUniversalTime().ToString('o') }
    elseif ($Value -is [timespan]) { [void] $Out.Append([string] [long] $Value.TotalSeconds) }
    elseif ($Value -is [ValueType] -and $Value -isnot [guid]) { [void] $Out.Append([string] $Value) }
    elseif ($Value -is [Collections.IDictionary]) {
        $separator = '{'
        foreach ($key in @($Value.Keys)) {
            [void] $Out.Append($separator)
            Add-CvText $Out ([string] $key)
            [void] $Out.Append(':')
            Add-CvJson $Out $Value[$key]
            $separator = ','
        }
        [void] $Out.Append($(if ($separator -eq '{') { '{}' } else { '}' }))
    }
    elseif ($Value -is [Management.Automation.PSCustomObject]) {
        $names = @{}
        foreach ($property in $Value.PSObject.Properties) { $names[$property.Name] = $property.Value }
        Add-CvJson $Out $names
    }
    elseif ($Value -is [Collections.IEnumerable]) {
        $separator = '['
        foreach ($item in $Value) {
            [void] $Out.Append($separator)
            Add-CvJson $Out $item
            $separator = ','
        }
        [void] $Out.Append($(if ($separator -eq '[') { '[]' } else { ']' }))
    }
    else { Add-CvText $Out $Value.ToString() }
}

function Add-CvText([Text.StringBuilder] $Out, [string] $Text) {
    [void] $Out.Append('"')
    if ($Text -cnotmatch '[^ !#-\[\]-~]') { [void] $Out.Append($Text) }
    else {
        foreach ($character in $Text.ToCharArray()) {
            $code = [int] $character
            if ($code -lt 32 -or $code -gt 126 -or $code -eq 34 -or $code -eq 92) {
                [void] $Out.Append('\u')
                [void] $Out.Append($code.ToString('x4'))
            }
            else { [void] $Out.Append($character) }
        }
    }
    [void] $Out.Append('"')
}

# One line of the answer stream. Requests beside the main loop write too: a line is never torn.
function Send-CvLine($Wire, $Answer) {
    $out = New-Object Text.StringBuilder
    Add-CvJson $out $Answer
    [void] $out.Append("`n")
    $bytes = [Text.Encoding]::ASCII.GetBytes($out.ToString())
    [Threading.Monitor]::Enter($Wire.Lock)
    try {
        $Wire.Out.Write($bytes, 0, $bytes.Length)
        $Wire.Out.Flush()
    }
    finally { [Threading.Monitor]::Exit($Wire.Lock) }
}

# How far the request that runs in this runspace is.
function Send-CvProgress([long] $Done, [long] $Total) {
    if ($null -ne $global:CvRunning) {
        Send-CvLine $global:CvRunning.Wire @{ id = $global:CvRunning.Id; progress = @{ done = $Done; total = $Total } }
    }
}

# Refuses with an id of our own and the facts that the client makes a sentence of.
function Stop-Cv([string] $Id, [hashtable] $Facts = @{}) {
    $exception = New-Object InvalidOperationException $Id
    $exception.Data['CvFacts'] = $Facts
    throw (New-Object Management.Automation.ErrorRecord $exception, "Crossvisor.$Id", 'InvalidOperation', $null)
}

# An error as data: nothing of it is localised but the message, which nobody decides by.
function ConvertTo-CvError($Record) {
    $results = New-Object Collections.ArrayList
    $facts = $null
    $exception = $Record.Exception
    while ($null -ne $exception) {
        [void] $results.Add(('0x{0:x8}' -f $exception.HResult))
        if ($null -eq $facts -and $exception.Data.Contains('CvFacts')) { $facts = $exception.Data['CvFacts'] }
        $exception = $exception.InnerException
    }
    $command = ''
    $place = ''
    if ($null -ne $Record.InvocationInfo) {
        $place = [string] $Record.InvocationInfo.ScriptLineNumber
        if ($null -ne $Record.InvocationInfo.MyCommand) { $command = $Record.InvocationInfo.MyCommand.Name }
    }
    return @{
        category = [string] $Record.CategoryInfo.Category
        id       = [string] $Record.FullyQualifiedErrorId
        results  = $results
        type     = $Record.Exception.GetType().FullName
        command  = $command
        line     = $place
        message  = $Record.Exception.Message
        facts    = $facts
    }
}
