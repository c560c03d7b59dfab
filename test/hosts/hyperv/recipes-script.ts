/** Runs each call of recipes.json once, on a host of 2025 with the DHCP role: PowerShell, in the order of a life. */
export const recipesScript = String.raw`
$null = Get-VMHost; $null = Get-VMHostSupportedVersion; $null = Get-VM
$vm = New-VM -Name web -Generation 2 -MemoryStartupBytes 1GB -Path C:\vms -NoVHD
$old = New-VM -Name old -Generation 1 -MemoryStartupBytes 1GB -Path C:\vms -NoVHD -Version 9.0
$null = Get-VM -Id $vm.Id; $null = Get-VM -Name web
Set-VMMemory -VM $vm -DynamicMemoryEnabled $false -StartupBytes 1GB
Set-VMMemory -VM $vm -DynamicMemoryEnabled $true -StartupBytes 1GB -MinimumBytes 512MB -MaximumBytes 2GB -Buffer 20 -Priority 50
Set-VMProcessor -VM $vm -Count 2; Set-VMProcessor -VM $vm -ExposeVirtualizationExtensions $true
Set-VM -VM $vm -Notes 'mine'; Set-VM -VM $vm -AutomaticStartAction Start -AutomaticStopAction ShutDown -AutomaticStartDelay 5
Set-VM -VM $vm -CheckpointType Production
$null = New-VMSwitch -Name lan -SwitchType Internal -Notes hi
$null = New-VMSwitch -Name wan -NetAdapterName Ethernet -AllowManagementOS $true -Notes out
$lan = Get-VMSwitch | Where-Object { $_.Name -eq 'lan' }; $wan = Get-VMSwitch -Id (Get-VMSwitch -Name wan).Id
$nic = Add-VMNetworkAdapter -VM $vm -Name eth -SwitchName lan -StaticMacAddress 00155D0A0B0C -Passthru
Remove-VMNetworkAdapter -VMNetworkAdapter (Get-VMNetworkAdapter -VM $vm | Where-Object { $_.Name -eq 'Network Adapter' })
Disconnect-VMNetworkAdapter -VMNetworkAdapter $nic; Connect-VMNetworkAdapter -VMNetworkAdapter $nic -SwitchName lan
Set-VMNetworkAdapter -VMNetworkAdapter $nic -DynamicMacAddress; Set-VMNetworkAdapter -VMNetworkAdapter $nic -StaticMacAddress 00155D0A0B0C
Set-VMNetworkAdapter -VMNetworkAdapter $nic -MacAddressSpoofing On
Set-VMNetworkAdapterVlan -VMNetworkAdapter $nic -Trunk -NativeVlanId 1 -AllowedVlanIdList '1-100'
Set-VMNetworkAdapterVlan -VMNetworkAdapter $nic -Untagged; Set-VMNetworkAdapterVlan -VMNetworkAdapter $nic -Access -VlanId 7
$null = Get-VMNetworkAdapterVlan -VMNetworkAdapter $nic
$null = New-VHD -Path C:\vms\a.vhdx -SizeBytes 4GB -Dynamic; $null = New-VHD -Path C:\vms\f.vhdx -SizeBytes 64MB -Fixed
$null = New-VHD -Path C:\vms\b.vhdx -ParentPath C:\vms\a.vhdx -Differencing
$null = New-VHD -Path C:\vms\c.vhdx -ParentPath C:\vms\a.vhdx -Differencing -SizeBytes 8GB
$null = New-VHD -Path C:\vms\d.vhdx -SizeBytes 4GB -Dynamic -BlockSizeBytes 1MB
$null = Get-VHD -Path C:\vms\a.vhdx; Resize-VHD -Path C:\vms\d.vhdx -SizeBytes 6GB
Convert-VHD -Path C:\vms\d.vhdx -DestinationPath C:\vms\e.vhdx -VHDType Fixed
Set-VHD -Path C:\vms\d.vhdx -ResetDiskIdentifier -Force; $null = Test-VHD -Path C:\vms\b.vhdx; Optimize-VHD -Path C:\vms\d.vhdx -Mode Full
Add-VMScsiController -VM $vm
Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -ControllerNumber 0 -ControllerLocation 0 -Path C:\vms\b.vhdx
Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -ControllerNumber 1 -ControllerLocation 0 -Path C:\vms\d.vhdx
$disks = Get-VMHardDiskDrive -VM $vm; Set-VMHardDiskDrive -VMHardDiskDrive $disks[1] -Path C:\vms\e.vhdx
Remove-VMHardDiskDrive -VMHardDiskDrive $disks[1]
[IO.File]::WriteAllText('C:\vms\seed.iso', 'seed'); [IO.File]::WriteAllText('C:\vms\next.iso', 'next')
$dvd = Add-VMDvdDrive -VM $vm -ControllerNumber 0 -ControllerLocation 1 -Path C:\vms\seed.iso -Passthru
Set-VMDvdDrive -VMDvdDrive $dvd -Path C:\vms\next.iso; $null = Get-VMDvdDrive -VM $vm
Set-VMFirmware -VM $vm -EnableSecureBoot On -SecureBootTemplate MicrosoftUEFICertificateAuthority
Set-VMFirmware -VM $vm -EnableSecureBoot On -SecureBootTemplateId 272E7447-90a4-4563-a4b9-8e4ab00526ce
Set-VMFirmware -VM $vm -EnableSecureBoot On -SecureBootTemplate MicrosoftWindows -BootOrder $disks[0], $dvd, $nic
Set-VMFirmware -VM $vm -FirstBootDevice $dvd; $null = Get-VMFirmware -VM $vm
Set-VMBios -VM $old -StartupOrder IDE, CD, LegacyNetworkAdapter, Floppy; $null = Get-VMBios -VM $old
$null = Get-VMMemory -VM $vm; Set-VMKeyProtector -VM $vm -NewLocalKeyProtector; Enable-VMTPM -VM $vm; $null = Get-VMSecurity -VM $vm; Disable-VMTPM -VM $vm
Enable-VMIntegrationService -VMIntegrationService (Get-VMIntegrationService -VM $vm | Where-Object { $_.Id -match '6C09BB55' })
Start-VM -VM $vm
Copy-VMFile -VM $vm -SourcePath C:\vms\seed.iso -DestinationPath /tmp/x -FileSource Host -CreateFullPath -Force
Suspend-VM -VM $vm; Resume-VM -VM $vm; Save-VM -VM $vm; Remove-VMSavedState -VMName web; Start-VM -VM $vm; Restart-VM -VM $vm -Force
$one = Checkpoint-VM -VM $vm -SnapshotName one -Passthru
Stop-VM -VM $vm -Force; Restore-VMSnapshot -VMSnapshot $one -Confirm:$false; $null = Get-VMSnapshot -VM $vm
Remove-VMSnapshot -VMSnapshot $one -IncludeAllChildSnapshots
Start-VM -VM $vm; Stop-VM -VM $vm -TurnOff -Force
Remove-VMDvdDrive -VMDvdDrive (Get-VMDvdDrive -VM $vm)
Rename-VM -VM $vm -NewName web2
Set-VMSwitch -VMSwitch $lan -Notes bye; Rename-VMSwitch -VMSwitch $lan -NewName lan2
$index = (Get-NetAdapter -Name 'vEthernet (lan)').ifIndex
$null = New-NetIPAddress -InterfaceIndex $index -IPAddress 10.1.1.1 -PrefixLength 24 -AddressFamily IPv4
$null = Get-NetIPAddress -InterfaceIndex $index -AddressFamily IPv4; $null = Get-NetNeighbor -InterfaceIndex $index -AddressFamily IPv4
$null = New-NetNat -Name n -InternalIPInterfaceAddressPrefix 10.1.1.0/24 -Confirm:$false; $null = Get-NetNat -Name n
$map = Add-NetNatStaticMapping -NatName n -Protocol TCP -ExternalIPAddress 0.0.0.0 -ExternalPort 8080 -InternalIPAddress 10.1.1.2 -InternalPort 80
Remove-NetNatStaticMapping -StaticMappingID $map.StaticMappingID -Confirm:$false
Add-DhcpServerv4Scope -Name s -StartRange 10.1.1.10 -EndRange 10.1.1.99 -SubnetMask 255.255.255.0 -State Active -LeaseDuration 1.00:00:00
Set-DhcpServerv4OptionValue -ScopeId 10.1.1.0 -Router 10.1.1.1 -DnsServer 10.1.1.1
Add-DhcpServerv4Reservation -ScopeId 10.1.1.0 -IPAddress 10.1.1.20 -ClientId 00-15-5d-0a-0b-0c -Name web
$null = Get-DhcpServerv4Lease -ScopeId 10.1.1.0; Set-DhcpServerv4Binding -InterfaceAlias 'vEthernet (lan)' -BindingState $true
Set-DhcpServerv4Scope -ScopeId 10.1.1.0 -Name t -StartRange 10.1.1.5 -EndRange 10.1.1.99 -State Active
$null = Get-DhcpServerv4Reservation -ScopeId 10.1.1.0; Remove-DhcpServerv4Reservation -IPAddress 10.1.1.20
Remove-DhcpServerv4Scope -ScopeId 10.1.1.0 -Force
Remove-NetNat -Name n -Confirm:$false; Remove-NetIPAddress -InterfaceIndex $index -IPAddress 10.1.1.1 -Confirm:$false
Set-VMSwitch -VMSwitch $wan -AllowManagementOS $false; Remove-VMSwitch -VMSwitch $wan -Force
$null = New-VMSwitch -Name team -NetAdapterName Ethernet -AllowManagementOS $false -EnableEmbeddedTeaming $true -MinimumBandwidthMode Weight
Remove-VM -VM $vm -Force
$null = Get-WindowsFeature -Name DHCP; $null = Get-WindowsCapability -Online -Name OpenSSH.Server~~~~0.0.1.0
$null = New-SmbGlobalMapping -RemotePath \\nas\iso -Credential (New-Object System.Management.Automation.PSCredential 'me', (ConvertTo-SecureString 'x' -AsPlainText -Force))
'end'
Add-ClusterVirtualMachineRole -VMName old`;
