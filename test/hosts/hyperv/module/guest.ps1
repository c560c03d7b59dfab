# The guest of a machine that runs: none at all (the default), or one that QEMU boots. Only the file that the host's
# own service reads is written here; that service has the right and the network.

# An order to the host's service: verb and machine.
function Send-Guest([string]$Id, [string]$Verb) { if ($settings.boot) { Add-Line "$own/orders" "$Verb $Id" } }

# What QEMU needs to know, in lines: memory, processors, firmware, disks, CDs, network adapters with their switch.
function Start-Guest([string]$Id) {
    if (-not $settings.boot) { return }
    $vm = Get-Record "vm/$Id"
    $text = New-Object System.Text.StringBuilder
    $null = $text.Append("memory $([int]($vm.memory.startup / 1MB))`nprocessors $($vm.processor.count)`ngeneration $($vm.generation)`n")
    foreach ($drive in $vm.drives) { if ($drive.path) { $null = $text.Append("$($drive.kind) $($drive.controller) $(ConvertTo-Real $drive.path)`n") } }
    foreach ($nic in $vm.nics) {
        $switch = if ($nic.switch) { Get-Record "switch/$($nic.switch)" }
        $null = $text.Append("nic $(($nic.mac -replace '(..)(?!$)', '$1:').ToLowerInvariant()) $(if ($switch) { Get-Bridge $switch } else { '-' })`n")
    }
    [System.IO.File]::WriteAllText("$own/guest-$Id", $text.ToString(), $utf8)
    Send-Guest $Id 'start'
}

function Get-Bridge($Switch) { 'sw' + $Switch.id.Substring(0, 8) }

# Bridges and their addresses, as they should be: the service makes them so.
function Update-Wires {
    if (-not $settings.boot) { return }
    Use-Lock {
        $text = New-Object System.Text.StringBuilder
        foreach ($switch in Get-Records 'switch') {
            $addresses = @(Get-Records 'address' | Where-Object { $switch.interface -and $_.interface -eq $switch.interface } | ForEach-Object { "$($_.address)/$($_.prefix)" })
            $null = $text.Append("$(Get-Bridge $switch) $addresses".Trim() + "`n")
        }
        [System.IO.File]::WriteAllText("$own/wires", $text.ToString(), $utf8)
    }
    Add-Line "$own/orders" 'wires -'
}

# Who answers on the host's side of each switch: what the service saw, and what a test said.
function Get-Neighbours {
    if ([System.IO.File]::Exists("$own/neighbours")) {
        foreach ($line in [System.IO.File]::ReadAllText("$own/neighbours").Split("`n")) {
            $address, $bridge, $mac = $line.Split(' ')
            if (-not $mac) { continue }
            foreach ($switch in Get-Records 'switch') { if ((Get-Bridge $switch) -eq $bridge) { [pscustomobject]@{ address = $address; interface = $switch.interface; mac = ($mac -replace ':', '').ToUpperInvariant() } } }
        }
    }
    foreach ($pair in $settings.addresses) { foreach ($vm in Get-Records 'vm') { foreach ($nic in $vm.nics) { if ($nic.mac -eq $pair.mac -and $nic.switch -and (Get-LiveState $vm) -eq 'Running') { [pscustomobject]@{ address = $pair.address; interface = (Get-Record "switch/$($nic.switch)").interface; mac = $nic.mac } } } } }
}

# The addresses that a guest reports. A guest without the daemon reports none: see the setting kvp.
function Get-GuestAddress($Vm, $Nic) {
    if (-not $settings.kvp -or -not $Vm.services.kvp) { return }
    foreach ($one in Get-Neighbours) { if ($one.mac -eq $Nic.mac) { $one.address } }
}
