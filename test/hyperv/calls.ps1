# Every call of a command in the scripts that are given, and what each is given, as one JSON list.
param([string[]] $Path)

function Get-Keys($Function, [string] $Name) {
    $assigned = $Function.FindAll({ param($node) $node -is [Management.Automation.Language.AssignmentStatementAst] }, $true)
    foreach ($one in $assigned) {
        if ($one.Left.Extent.Text -eq "`$$Name") {
            $table = $one.Right.Find({ param($node) $node -is [Management.Automation.Language.HashtableAst] }, $true)
            foreach ($pair in $table.KeyValuePairs) { @{ name = $pair.Item1.Extent.Text; always = $true } }
        }
        if ($one.Left -is [Management.Automation.Language.MemberExpressionAst] -and $one.Left.Expression.Extent.Text -eq "`$$Name") {
            @{ name = $one.Left.Member.Extent.Text; always = $false }
        }
    }
}

$calls = foreach ($file in $Path) {
    $errors = $null
    $tree = [Management.Automation.Language.Parser]::ParseFile($file, [ref] $null, [ref] $errors)
    foreach ($one in $errors) { @{ file = $file; line = $one.Extent.StartLineNumber; command = "parse error $($one.ErrorId)"; given = @(); loose = 0 } }
    foreach ($call in $tree.FindAll({ param($node) $node -is [Management.Automation.Language.CommandAst] }, $true)) {
        $name = $call.GetCommandName()
        if (-not $name) { continue }
        $function = $call
        while ($function.Parent -and $function -isnot [Management.Automation.Language.FunctionDefinitionAst]) { $function = $function.Parent }
        $given = @()
        $loose = 0
        $elements = @($call.CommandElements)
        for ($i = 1; $i -lt $elements.Count; $i++) {
            $element = $elements[$i]
            if ($element -is [Management.Automation.Language.CommandParameterAst]) {
                $given += @{ name = $element.ParameterName; always = $true }
                $next = if ($i + 1 -lt $elements.Count) { $elements[$i + 1] }
                $isValue = $next -and $next -isnot [Management.Automation.Language.CommandParameterAst] -and -not $next.Splatted
                if ($null -eq $element.Argument -and $isValue) { $i++ }
            }
            elseif ($element.Splatted) { $given += @(Get-Keys $function $element.VariablePath.UserPath) }
            else { $loose++ }
        }
        @{ file = $file; line = $call.Extent.StartLineNumber; command = $name; given = $given; loose = $loose }
    }
}
ConvertTo-Json -InputObject @($calls) -Depth 5 -Compress
