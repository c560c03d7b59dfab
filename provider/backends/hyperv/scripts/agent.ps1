# The main loop. This file comes last in the agent's body. $r is the bootstrap's reader: what it holds of standard input
# after the body are the requests, one JSON object a line.

# Milliseconds without a request after which nobody is believed to be there; the client pings more often.
$CvIdle = 1800000
# Requests that run at a time beside the main loop.
$CvBeside = 4
# Milliseconds that what runs may still take when nobody listens any more.
$CvGrace = 30000

$CvRequests['ping'] = @{ Function = 'Get-CvPing' }
function Get-CvPing { return @{} }

# What is echoed comes back as it was understood: the client's test of the wire, also beside the main loop.
$CvRequests['echo'] = @{ Function = 'Get-CvEcho' }
$CvRequests['echo.beside'] = @{ Function = 'Get-CvEcho'; Beside = $true }
function Get-CvEcho($Arguments) {
    Send-CvProgress 1 2
    return @{ value = $Arguments.value }
}

# Runs one request in this runspace and answers it. A function gives exactly one thing back.
function Invoke-CvRequest($Wire, $Request, [string] $Function) {
    $answer = @{ id = $Request.id }
    $global:CvRunning = @{ Wire = $Wire; Id = $Request.id }
    try {
        $value = & $Function $Request.args
        if ($value -is [array]) { Stop-Cv 'StrayOutput' @{ request = $Request.name } }
        $answer.value = $value
    }
    catch { $answer.error = ConvertTo-CvError $_ }
    finally { $global:CvRunning = $null }
    if ($answer.ContainsKey('error') -and $answer.error.id -notlike 'Crossvisor.*') { $answer.error.host = Get-CvState }
    Send-CvLine $Wire $answer
}

function Open-CvPool {
    $state = [Management.Automation.Runspaces.InitialSessionState]::CreateDefault2()
    foreach ($function in Get-ChildItem -Path 'Function:\*-Cv*') {
        $entry = New-Object Management.Automation.Runspaces.SessionStateFunctionEntry $function.Name, $function.Definition
        $state.Commands.Add($entry)
    }
    foreach ($variable in Get-Variable -Name 'Cv*') {
        $entry = New-Object Management.Automation.Runspaces.SessionStateVariableEntry $variable.Name, $variable.Value, ''
        $state.Variables.Add($entry)
    }
    $pool = [runspacefactory]::CreateRunspacePool($state)
    [void] $pool.SetMaxRunspaces($CvBeside)
    $pool.Open()
    return $pool
}

$CvBesideScript = @'
param($Wire, $Request, $Function)
Set-StrictMode -Version 3.0
$global:ErrorActionPreference = 'Stop'
$global:WarningPreference = 'SilentlyContinue'
$global:ProgressPreference = 'SilentlyContinue'
$global:ConfirmPreference = 'None'
Invoke-CvRequest $Wire $Request $Function
'@

function Start-CvBeside($Wire, $Pool, $Request, [string] $Function) {
    $shell = [powershell]::Create()
    $shell.RunspacePool = $Pool
    [void] $shell.AddScript($CvBesideScript).AddArgument($Wire).AddArgument($Request).AddArgument($Function)
    return @{ Shell = $shell; Handle = $shell.BeginInvoke() }
}

# Gives back what ended requests held.
function Clear-CvBeside([hashtable] $Running) {
    foreach ($id in @($Running.Keys)) {
        if ($Running[$id].Handle.IsCompleted) {
            $Running[$id].Shell.Dispose()
            $Running.Remove($id)
        }
    }
}

function Start-CvLoop($Reader) {
    $wire = @{ Lock = New-Object object; Out = [Console]::OpenStandardOutput() }
    $running = @{}
    $pool = $null
    Send-CvLine $wire @{ id = 0; value = @{ process = $PID } }
    while ($true) {
        $next = $Reader.ReadLineAsync()
        if (-not $next.Wait($CvIdle) -or $null -eq $next.Result) { break }
        $request = ConvertFrom-Json -InputObject $next.Result
        Clear-CvBeside $running
        if ($request.name -eq 'bye') { break }
        if ($request.name -eq 'cancel') {
            if ($running.ContainsKey($request.args.id)) { [void] $running[$request.args.id].Shell.BeginStop($null, $null) }
            continue
        }
        $entry = $CvRequests[$request.name]
        if ($null -eq $entry) {
            Send-CvLine $wire @{ id = $request.id; error = @{ id = 'Crossvisor.NoRequest'; facts = @{ request = $request.name } } }
        }
        elseif ($entry.ContainsKey('Beside')) {
            if ($null -eq $pool) { $pool = Open-CvPool }
            $running[$request.id] = Start-CvBeside $wire $pool $request $entry.Function
        }
        else { Invoke-CvRequest $wire $request $entry.Function }
    }
    foreach ($one in $running.Values) { [void] $one.Handle.AsyncWaitHandle.WaitOne($CvGrace) }
}

Start-CvLoop (New-Object IO.StreamReader $r.BaseStream, ([Text.Encoding]::ASCII), $false, 65536)
# A read may still hang on standard input, and foreground threads of the pool would keep the process.
[Environment]::Exit(0)
