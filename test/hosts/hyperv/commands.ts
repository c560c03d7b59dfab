/** The commands of the host, by module. What each does stands in `module/`; how it binds, in `signatures.json`. */
const byModule = {
  "Hyper-V": `
    Get-VMHost Set-VMHost Get-VMHostSupportedVersion Get-VM New-VM Set-VM Rename-VM Remove-VM Start-VM Stop-VM Save-VM
    Suspend-VM Resume-VM Restart-VM Remove-VMSavedState Get-VMMemory Set-VMMemory Get-VMProcessor Set-VMProcessor
    Get-VMBios Set-VMBios Get-VMFirmware Set-VMFirmware Get-VMSecurity Set-VMSecurity Get-VMKeyProtector
    Set-VMKeyProtector Enable-VMTPM Disable-VMTPM Get-VMNetworkAdapter Add-VMNetworkAdapter Remove-VMNetworkAdapter
    Connect-VMNetworkAdapter Disconnect-VMNetworkAdapter Rename-VMNetworkAdapter Set-VMNetworkAdapter
    Get-VMNetworkAdapterVlan Set-VMNetworkAdapterVlan Get-VMScsiController Add-VMScsiController Remove-VMScsiController
    Get-VMIdeController Get-VMHardDiskDrive Add-VMHardDiskDrive Set-VMHardDiskDrive Remove-VMHardDiskDrive
    Get-VMDvdDrive Add-VMDvdDrive Set-VMDvdDrive Remove-VMDvdDrive New-VHD Get-VHD Resize-VHD Convert-VHD Set-VHD
    Test-VHD Optimize-VHD Merge-VHD New-VMSwitch Get-VMSwitch Set-VMSwitch Rename-VMSwitch Remove-VMSwitch
    Checkpoint-VM Get-VMSnapshot Restore-VMSnapshot Remove-VMSnapshot Rename-VMSnapshot Get-VMIntegrationService
    Enable-VMIntegrationService Disable-VMIntegrationService Copy-VMFile Get-VMComPort Set-VMComPort`,
  NetAdapter: "Get-NetAdapter",
  NetTCPIP: "Get-NetIPAddress New-NetIPAddress Remove-NetIPAddress Get-NetNeighbor Get-NetIPInterface",
  NetNat: `Get-NetNat New-NetNat Remove-NetNat Get-NetNatStaticMapping Add-NetNatStaticMapping
    Remove-NetNatStaticMapping`,
  DhcpServer: `Add-DhcpServerv4Scope Get-DhcpServerv4Scope Remove-DhcpServerv4Scope Set-DhcpServerv4OptionValue
    Add-DhcpServerv4Reservation Get-DhcpServerv4Reservation Remove-DhcpServerv4Reservation Get-DhcpServerv4Lease
    Get-DhcpServerv4Binding Set-DhcpServerv4Binding Set-DhcpServerv4Scope`,
  ServerManager: "Get-WindowsFeature",
  Dism: "Get-WindowsCapability Get-WindowsOptionalFeature",
  SmbShare: "New-SmbGlobalMapping",
  FailoverClusters: "Add-ClusterVirtualMachineRole",
} as const;

/** The names of all commands, in the order above. */
export const commandNames: readonly string[] = Object.values(byModule).flatMap((words) => words.trim().split(/\s+/));
