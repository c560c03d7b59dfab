# The types of the Hyper-V module: real .NET enums and classes, defined once in a process, since a parameter that wants a
# VirtualMachine has to refuse a string. Numbers of enums: recorded where the README says so.

$enums = @'
VMState Other=1 Running=2 Off=3 Stopping=4 Saved=6 Paused=9 Starting=10 Reset=11 Saving=32773 Pausing=32776 Resuming=32777 FastSaved=32779 FastSaving=32780 ForceShutdown=32781 ForceReboot=32782 RunningCritical=32783 OffCritical=32784 StoppingCritical=32785 SavedCritical=32786 PausedCritical=32787 StartingCritical=32788
VMSwitchType Private=0 Internal=1 External=2
VMSwitchBandwidthMode Default=0 Weight=1 Absolute=2 None=3
OnOffState On=0 Off=1
ControllerType IDE=0 SCSI=1
StartAction Nothing=2 StartIfRunning=3 Start=4
StopAction TurnOff=2 Save=3 ShutDown=4
CriticalErrorAction None=0 Pause=1
CheckpointType Disabled=2 Production=3 ProductionOnly=4 Standard=5
SnapshotType Standard=0 Recovery=1 Planned=2 Missing=3 Replica=4 AppConsistentReplica=5 SyncedReplica=6
BootType Unknown=0 Drive=1 Network=2 File=3
BootDevice Floppy=0 CD=1 IDE=2 LegacyNetworkAdapter=3 NetworkAdapter=4 VHD=5
VMHeartbeatStatus Unknown=0 Disabled=1 NoContact=2 Error=3 LostCommunication=4 OkApplicationsUnknown=5 OkApplicationsHealthy=6 OkApplicationsCritical=7 Paused=8
VMNetworkAdapterVlanMode Untagged=0 Access=1 Trunk=2 Isolated=3 Community=4 Promiscuous=5
VMNetworkAdapterPortMirroringMode None=0 Destination=1 Source=2
IovInterruptModerationValue Default=0 Adaptive=1 Off=2 Low=100 Medium=200 High=300
ConsoleModeType Default=0 COM1=1 COM2=2 None=3
IPProtocolPreference IPv4=0 IPv6=1
EnhancedSessionTransportType VMBus=0 HvSocket=1
CacheAttributes Default=0 WriteCacheEnabled=1 WriteCacheAndFUAEnabled=2 WriteCacheDisabled=3
WaitVMTypes Heartbeat=0 IPAddress=1 MemoryOperations=2 Reboot=3
CopyFileSourceType Host=0
GuestIsolationType TrustedLaunch=0 VBS=1 SNP=2 TDX=3 Disabled=16
MigrationAuthenticationType Kerberos=0 CredSSP=1
VMMigrationPerformance TCPIP=0 Compression=1 SMB=2
VMOperationalStatus Ok=2 Degraded=3 PredictiveFailure=5 InService=11 Dormant=15 CreatingSnapshot=32768 ApplyingSnapshot=32769 DeletingSnapshot=32770 WaitingToStart=32771 MergingDisks=32772 ExportingVirtualMachine=32773 MigratingVirtualMachine=32774
'@

# In another namespace on Windows.
$vhdEnums = @'
VhdType Unknown=0 Fixed=2 Dynamic=3 Differencing=4
VhdFormat Unknown=0 VHD=2 VHDX=3 VHDSet=4
VhdCompactMode Full=0 Quick=1 Retrim=2 Pretrimmed=3 Prezeroed=4
'@

$classes = @'
VirtualizationObject : IsDeleted ComputerName
VMComponentObject < VirtualizationObject : Id Name VMId VMName VMSnapshotId VMSnapshotName VMCheckpointId VMCheckpointName
VirtualMachineBase < VirtualizationObject : Id Name VMId VMName State Notes Generation Path CreationTime ConfigurationLocation SnapshotFileLocation CheckpointFileLocation SmartPagingFilePath ParentSnapshotId ParentSnapshotName ParentCheckpointId ParentCheckpointName MemoryStartup DynamicMemoryEnabled MemoryMinimum MemoryMaximum ProcessorCount AutomaticStartAction AutomaticStopAction AutomaticStartDelay CheckpointType AutomaticCheckpointsEnabled LockOnDisconnect GuestControlledCacheTypes LowMemoryMappedIoSpace HighMemoryMappedIoSpace Version IsClustered SizeOfSystemFiles
VirtualMachine < VirtualMachineBase : Status OperationalStatus PrimaryOperationalStatus SecondaryOperationalStatus StatusDescriptions PrimaryStatusDescription SecondaryStatusDescription Heartbeat Uptime CPUUsage MemoryAssigned MemoryDemand MemoryStatus IntegrationServicesState IntegrationServicesVersion ResourceMeteringEnabled ReplicationState ReplicationHealth ReplicationMode SmartPagingFileInUse NumaAligned NumaNodesCount NumaSocketCount EnhancedSessionTransportType Key
VMSnapshot < VirtualMachineBase : SnapshotType IsAutomaticCheckpoint
VMHost < VirtualizationObject : Name FullyQualifiedDomainName LogicalProcessorCount MemoryCapacity MacAddressMinimum MacAddressMaximum VirtualMachinePath VirtualHardDiskPath NumaSpanningEnabled EnableEnhancedSessionMode VirtualMachineMigrationEnabled IovSupport MaximumStorageMigrations MaximumVirtualMachineMigrations SupportedVmVersions
VMHostSupportedVersion < VirtualizationObject : Name Version IsDefault
VMMemory < VMComponentObject : ResourcePoolName Buffer DynamicMemoryEnabled MaximumPerNumaNode Maximum Minimum Startup Priority
VMProcessor < VMComponentObject : ResourcePoolName Count CompatibilityForMigrationEnabled CompatibilityForOlderOperatingSystemsEnabled ExposeVirtualizationExtensions HwThreadCountPerCore Maximum MaximumCountPerNumaNode MaximumCountPerNumaSocket RelativeWeight Reserve OperationalStatus StatusDescription
VMBios < VMComponentObject : NumLockEnabled StartupOrder
VMFirmware < VMComponentObject : BootOrder PreferredNetworkBootProtocol SecureBoot SecureBootTemplate SecureBootTemplateId ConsoleMode PauseAfterBootFailure
VMBootSource < VMComponentObject : BootType Description FirmwarePath Device
VMSecurity < VMComponentObject : TpmEnabled KsdEnabled Shielded EncryptStateAndVmMigrationTraffic VirtualizationBasedSecurityOptOut BindToHostTpm
VMNetworkAdapterBase < VMComponentObject : AdapterId SwitchId SwitchName Connected MacAddress MacAddressSpoofing DhcpGuard RouterGuard PortMirroringMode IeeePriorityTag VlanSetting BandwidthSetting IsManagementOs IsExternalAdapter StatusDescription Status DeviceNaming AllowTeaming VmqWeight IovWeight DeviceId
VMNetworkAdapter < VMNetworkAdapterBase : DynamicMacAddressEnabled IPAddresses IsLegacy ClusterMonitored DynamicIPAddressLimit StormLimit MandatoryFeatureId PoolName
VMInternalNetworkAdapter < VMNetworkAdapterBase : DynamicMacAddressEnabled IPAddresses
VMNetworkAdapterVlanSetting < VMComponentObject : OperationMode AccessVlanId NativeVlanId AllowedVlanIdList AllowedVlanIdListString PrivateVlanMode PrimaryVlanId SecondaryVlanId ParentAdapter IsTemplate
VMDriveController < VMComponentObject : ControllerNumber Drives
VMScsiController < VMDriveController : IsTemplate
VMIdeController < VMDriveController : IsTemplate
Drive < VMComponentObject : Path PoolName ControllerType ControllerNumber ControllerLocation
HardDiskDrive < Drive : DiskNumber MaximumIOPS MinimumIOPS QoSPolicyID SupportPersistentReservations WriteHardeningMethod AttachedDiskType
DvdDrive < Drive : DvdMediaType
VMSwitch < VirtualizationObject : Id Name SwitchType Notes NetAdapterInterfaceDescription NetAdapterInterfaceDescriptions NetAdapterInterfaceGuid AllowManagementOS BandwidthReservationMode EmbeddedTeamingEnabled IovEnabled Extensions PacketDirectEnabled SwitchExtensions
VMSwitchExtension < VirtualizationObject : Id Name
VMIntegrationComponent < VMComponentObject : Enabled OperationalStatus PrimaryOperationalStatus PrimaryStatusDescription SecondaryOperationalStatus SecondaryStatusDescription StatusDescription
VMComPort < VMComponentObject : Path DebuggerMode
VirtualHardDisk : ComputerName Path VhdFormat VhdType FileSize Size MinimumSize LogicalSectorSize PhysicalSectorSize BlockSize ParentPath DiskIdentifier FragmentationPercentage Alignment Attached DiskNumber Number IsPMEMCompatible AddressAbstractionType
'@

# Makes the assembly; it takes a quarter of a second, so the host's first session does it for all.
function Save-Types([string]$Path) {
    $assembly = New-Object System.Reflection.Emit.PersistedAssemblyBuilder (New-Object System.Reflection.AssemblyName 'HyperV.Simulated'), ([object].Assembly)
    $builder = $assembly.DefineDynamicModule('HyperV.Simulated')
    foreach ($pair in @('Microsoft.HyperV.PowerShell.', $enums), @('Microsoft.Vhd.PowerShell.', $vhdEnums)) {
        foreach ($line in $pair[1] -split '\r?\n') {
            $words = $line.Split(' ')
            $enum = $builder.DefineEnum($pair[0] + $words[0], 'Public', [int])
            for ($i = 1; $i -lt $words.Length; $i++) {
                $literal = $words[$i].Split('=')
                $null = $enum.DefineLiteral($literal[0], [int]$literal[1])
            }
            $null = $enum.CreateTypeInfo()
        }
    }
    $made = @{}
    foreach ($line in $classes -split '\r?\n') {
        $head, $fields = $line -split ' : '
        $name, $base = $head -split ' < '
        $space = if ($name -like 'Virtual*Disk') { 'Microsoft.Vhd.PowerShell.' } else { 'Microsoft.HyperV.PowerShell.' }
        $parent = if ($base) { $made[$base] } else { [object] }
        $type = $builder.DefineType($space + $name, 'Public, Class', $parent)
        foreach ($field in $fields.Split(' ')) { $null = $type.DefineField($field, [object], 'Public') }
        $null = $type.DefineDefaultConstructor('Public')
        $made[$name] = $type.CreateTypeInfo()
    }
    Add-ExceptionType $builder
    $new = $Path + [Guid]::NewGuid()
    $assembly.Save($new)
    [System.IO.File]::Move($new, $Path, $true)
}

function Add-ExceptionType($Builder) {
    $type = $Builder.DefineType('Microsoft.HyperV.PowerShell.VirtualizationException', 'Public, Class', [System.Exception])
    $constructor = $type.DefineConstructor('Public', 'Standard', @([string]))
    $code = $constructor.GetILGenerator()
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_1)
    $code.Emit([System.Reflection.Emit.OpCodes]::Call, [System.Exception].GetConstructor(@([string])))
    $code.Emit([System.Reflection.Emit.OpCodes]::Ret)
    $null = $type.CreateTypeInfo()
}

$typesPath = "$env:CROSSVISOR_SIM_ROOT/.sim/types.dll"
if (-not [System.IO.File]::Exists($typesPath)) { Save-Types $typesPath }
$null = [System.Reflection.Assembly]::LoadFrom($typesPath)
