// Generated from provider/kinds by `npm run generate`: do not edit.
import * as pulumi from "@pulumi/pulumi";
import { HostResource, type KindFacts, typeOf } from "./resource.js";
import type { Network } from "./network.js";
import type { Volume } from "./volume.js";

/** The host gives and takes memory as the guest needs it; `memory` is what it starts with. */
export interface VirtualMachineDynamicMemoryArgs {
  /** Least that the guest is left with. Default: `memory`. */
  readonly minimum?: pulumi.Input<number | string> | undefined;
  /** Most that the guest is given. */
  readonly maximum: pulumi.Input<number | string>;
  /**
   * Memory held ready, in percent of what the guest uses, 5 to 2000.
   *
   * Default: 20.
   */
  readonly buffer?: pulumi.Input<number> | undefined;
}

/** One disk. */
export interface VirtualMachineDiskArgs {
  /** Identity of the disk in this list: it stays the same disk when the list's order changes. Default: `disk` and its place. */
  readonly name?: pulumi.Input<string> | undefined;
  /**
   * The volume: a Volume, or the absolute path of one.
   *
   * A change may need a restart.
   */
  readonly volume?: pulumi.Input<string> | pulumi.Input<Volume> | undefined;
  /**
   * Absolute path of a disk file or block device that is not managed here.
   *
   * A change may need a restart.
   */
  readonly path?: pulumi.Input<string> | undefined;
  /**
   * Format of the file. Default: what the host says of it.
   *
   * A change may need a restart.
   */
  readonly format?: pulumi.Input<"qcow2" | "raw" | "vhdx"> | undefined;
  /**
   * How the guest sees it; `virtio`: the host's own fast way.
   *
   * Default: "virtio". A change may need a restart.
   */
  readonly bus?: pulumi.Input<"virtio" | "scsi" | "sata"> | undefined;
  /**
   * The guest cannot write to it.
   *
   * Default: false. A change may need a restart.
   */
  readonly readOnly?: pulumi.Input<boolean> | undefined;
}

/** One network interface. */
export interface VirtualMachineNetworkArgs {
  /** Identity of the interface in this list. Default: `nic` and its place. */
  readonly name?: pulumi.Input<string> | undefined;
  /** The network: a Network, or the name or id of one. */
  readonly network?: pulumi.Input<string> | pulumi.Input<Network> | undefined;
  /** Bridge of the host, instead of a network. */
  readonly bridge?: pulumi.Input<string> | undefined;
  /** MAC address, lower case. Default: derived from the machine's identity and the interface's name. */
  readonly mac?: pulumi.Input<string> | undefined;
  /** Wanted IPv4 address; on a network with `managed` addressing. Default: allotted. */
  readonly address?: pulumi.Input<string> | undefined;
  /** VLAN that its packets are in, 1 to 4094; the guest sees them untagged. Default: none. */
  readonly vlan?: pulumi.Input<number> | undefined;
  /**
   * The device that the guest sees; `virtio`: the host's own fast one.
   *
   * Default: "virtio".
   */
  readonly model?: pulumi.Input<"virtio" | "e1000e"> | undefined;
  /**
   * Whether the cable is plugged in.
   *
   * Default: true.
   */
  readonly connected?: pulumi.Input<boolean> | undefined;
}

/** First-boot data, given to the guest as a NoCloud CD. An edit swaps the CD; a guest reads it again at its next boot. */
export interface VirtualMachineCloudInitArgs {
  /**
   * cloud-init user data: a `#cloud-config` document, a script, or any of its other forms.
   *
   * Kept secret.
   */
  readonly userData?: pulumi.Input<string> | undefined;
  /** NoCloud meta-data as YAML or JSON. `instance-id` and `local-hostname` are added where it lacks them. */
  readonly metaData?: pulumi.Input<string> | undefined;
  /** Network configuration (netplan version 2). Default: one entry for each interface, found by its MAC. */
  readonly networkConfig?: pulumi.Input<string> | undefined;
}

/** How it is shut down. */
export interface VirtualMachineShutdownArgs {
  /**
   * `auto`: the guest agent when it is connected, else ACPI.
   *
   * Default: "auto".
   */
  readonly method?: pulumi.Input<"auto" | "agent" | "acpi"> | undefined;
  /**
   * How long the guest may take, in seconds or text such as "2m".
   *
   * Default: 60.
   */
  readonly timeout?: pulumi.Input<number | string> | undefined;
  /**
   * `force`: power it off then. `fail`: leave it running and say so.
   *
   * Default: "force".
   */
  readonly onTimeout?: pulumi.Input<"force" | "fail"> | undefined;
}

/** A creation or start is done only when the guest has an address. Without it nothing is waited for, and at refresh never. An address that the network allots (`managed` addressing) is there before the guest has booted. */
export interface VirtualMachineWaitForAddressArgs {
  /** Only an address of this interface counts. */
  readonly nic?: pulumi.Input<string> | undefined;
  /**
   * Only an address of this family counts.
   *
   * Default: "ipv4".
   */
  readonly family?: pulumi.Input<"ipv4" | "ipv6" | "any"> | undefined;
  /** Only an address inside this network counts. */
  readonly cidr?: pulumi.Input<string> | undefined;
  /**
   * How long to wait, in seconds or text.
   *
   * Default: 300.
   */
  readonly timeout?: pulumi.Input<number | string> | undefined;
}

/** The host gives and takes memory as the guest needs it; `memory` is what it starts with. */
export interface VirtualMachineDynamicMemory {
  /** Least that the guest is left with. Default: `memory`. */
  readonly minimum?: number | undefined;
  /** Most that the guest is given. */
  readonly maximum: number;
  /** Memory held ready, in percent of what the guest uses, 5 to 2000. */
  readonly buffer: number;
}

/** One disk. */
export interface VirtualMachineDisk {
  /** Identity of the disk in this list: it stays the same disk when the list's order changes. Default: `disk` and its place. */
  readonly name: string;
  /** The volume: a Volume, or the absolute path of one. */
  readonly volume?: string | undefined;
  /** Absolute path of a disk file or block device that is not managed here. */
  readonly path?: string | undefined;
  /** Format of the file. Default: what the host says of it. */
  readonly format?: "qcow2" | "raw" | "vhdx" | undefined;
  /** How the guest sees it; `virtio`: the host's own fast way. */
  readonly bus: "virtio" | "scsi" | "sata";
  /** The guest cannot write to it. */
  readonly readOnly: boolean;
}

/** One network interface. */
export interface VirtualMachineNetwork {
  /** Identity of the interface in this list. Default: `nic` and its place. */
  readonly name: string;
  /** The network: a Network, or the name or id of one. */
  readonly network?: string | undefined;
  /** Bridge of the host, instead of a network. */
  readonly bridge?: string | undefined;
  /** MAC address, lower case. Default: derived from the machine's identity and the interface's name. */
  readonly mac?: string | undefined;
  /** Wanted IPv4 address; on a network with `managed` addressing. Default: allotted. */
  readonly address?: string | undefined;
  /** VLAN that its packets are in, 1 to 4094; the guest sees them untagged. Default: none. */
  readonly vlan?: number | undefined;
  /** The device that the guest sees; `virtio`: the host's own fast one. */
  readonly model: "virtio" | "e1000e";
  /** Whether the cable is plugged in. */
  readonly connected: boolean;
}

/** First-boot data, given to the guest as a NoCloud CD. An edit swaps the CD; a guest reads it again at its next boot. */
export interface VirtualMachineCloudInit {
  /** cloud-init user data: a `#cloud-config` document, a script, or any of its other forms. */
  readonly userData?: string | undefined;
  /** NoCloud meta-data as YAML or JSON. `instance-id` and `local-hostname` are added where it lacks them. */
  readonly metaData?: string | undefined;
  /** Network configuration (netplan version 2). Default: one entry for each interface, found by its MAC. */
  readonly networkConfig?: string | undefined;
}

/** How it is shut down. */
export interface VirtualMachineShutdown {
  /** `auto`: the guest agent when it is connected, else ACPI. */
  readonly method: "auto" | "agent" | "acpi";
  /** How long the guest may take, in seconds or text such as "2m". */
  readonly timeout: number;
  /** `force`: power it off then. `fail`: leave it running and say so. */
  readonly onTimeout: "force" | "fail";
}

/** A creation or start is done only when the guest has an address. Without it nothing is waited for, and at refresh never. An address that the network allots (`managed` addressing) is there before the guest has booted. */
export interface VirtualMachineWaitForAddress {
  /** Only an address of this interface counts. */
  readonly nic?: string | undefined;
  /** Only an address of this family counts. */
  readonly family: "ipv4" | "ipv6" | "any";
  /** Only an address inside this network counts. */
  readonly cidr?: string | undefined;
  /** How long to wait, in seconds or text. */
  readonly timeout: number;
}

export interface VirtualMachineArgs {
  /** Name or id of an object that exists on the host already: it is taken over as it is instead of being made. Has no effect later. */
  readonly adopt?: pulumi.Input<string> | undefined;
  /**
   * Name on the host. Default: the resource's name.
   *
   * A change needs a replacement.
   */
  readonly name?: pulumi.Input<string> | undefined;
  /** Free text kept with it. */
  readonly description?: pulumi.Input<string> | undefined;
  /** Names and values kept with it. */
  readonly tags?: pulumi.Input<Readonly<Record<string, pulumi.Input<string>>>> | undefined;
  /**
   * Virtual processors, 1 to 512.
   *
   * Default: 1. A change may need a restart.
   */
  readonly cpus?: pulumi.Input<number> | undefined;
  /**
   * How far `cpus` can grow without a restart, 1 to 512. Default: `cpus` when it is made.
   *
   * A change may need a restart.
   */
  readonly maxCpus?: pulumi.Input<number> | undefined;
  /**
   * Memory: bytes or text such as "2GiB"; a multiple of 1MiB.
   *
   * Default: "1GiB". A change may need a restart.
   */
  readonly memory?: pulumi.Input<number | string> | undefined;
  /**
   * How far `memory` can grow without a restart. Default: `memory` when it is made. The guest needs a balloon driver to give memory back.
   *
   * A change may need a restart.
   */
  readonly maxMemory?: pulumi.Input<number | string> | undefined;
  /**
   * The host gives and takes memory as the guest needs it; `memory` is what it starts with.
   *
   * A change may need a restart.
   */
  readonly dynamicMemory?: pulumi.Input<VirtualMachineDynamicMemoryArgs> | undefined;
  /**
   * Firmware that boots the guest.
   *
   * Default: "uefi". A change may need a restart.
   */
  readonly firmware?: pulumi.Input<"uefi" | "bios"> | undefined;
  /**
   * Only signed boot loaders start. Needs `uefi`.
   *
   * Default: false. A change may need a restart.
   */
  readonly secureBoot?: pulumi.Input<boolean> | undefined;
  /**
   * A TPM 2.0. Taking it away destroys its contents.
   *
   * Default: false. A change may need a restart.
   */
  readonly tpm?: pulumi.Input<boolean> | undefined;
  /**
   * The guest system as an osinfo short id: `debian12`, `win2k22`.
   *
   * Changed live.
   */
  readonly guest?: pulumi.Input<string> | undefined;
  /**
   * `auto`: hardware virtualisation where the host has it, else emulation, which is said. `required`: never emulation. `none`: always emulation.
   *
   * Default: "auto". A change may need a restart.
   */
  readonly acceleration?: pulumi.Input<"auto" | "required" | "none"> | undefined;
  /** Disks; the first one boots. */
  readonly disks?: pulumi.Input<readonly pulumi.Input<VirtualMachineDiskArgs>[]> | undefined;
  /** Absolute path of a CD image on the host. Swapped in place. */
  readonly cdrom?: pulumi.Input<string> | undefined;
  /** Network interfaces. */
  readonly networks?: pulumi.Input<readonly pulumi.Input<VirtualMachineNetworkArgs>[]> | undefined;
  /** First-boot data, given to the guest as a NoCloud CD. An edit swaps the CD; a guest reads it again at its next boot. */
  readonly cloudInit?: pulumi.Input<VirtualMachineCloudInitArgs> | undefined;
  /**
   * What it shall be doing.
   *
   * Default: "running".
   */
  readonly powerState?: pulumi.Input<"running" | "stopped" | "paused"> | undefined;
  /**
   * Start it when the host starts.
   *
   * Default: false.
   */
  readonly autostart?: pulumi.Input<boolean> | undefined;
  /** How it is shut down. */
  readonly shutdown?: pulumi.Input<VirtualMachineShutdownArgs> | undefined;
  /**
   * May an update restart the guest? `never` turns a change that needs it into an error at preview.
   *
   * Default: "ifNeeded".
   */
  readonly restartPolicy?: pulumi.Input<"ifNeeded" | "never"> | undefined;
  /**
   * The explicit word without which a machine that has snapshots on the host is not deleted or replaced: they go with it.
   *
   * Default: false.
   */
  readonly allowSnapshotLoss?: pulumi.Input<boolean> | undefined;
  /** A creation or start is done only when the guest has an address. Without it nothing is waited for, and at refresh never. An address that the network allots (`managed` addressing) is there before the guest has booted. */
  readonly waitForAddress?: pulumi.Input<VirtualMachineWaitForAddressArgs> | undefined;
}

const FACTS: KindFacts = {
  kind: "VirtualMachine",
  outputs: [
    "adopt",
    "description",
    "tags",
    "cpus",
    "maxCpus",
    "memory",
    "maxMemory",
    "dynamicMemory",
    "firmware",
    "secureBoot",
    "tpm",
    "guest",
    "acceleration",
    "disks",
    "cdrom",
    "networks",
    "cloudInit",
    "powerState",
    "autostart",
    "shutdown",
    "restartPolicy",
    "allowSnapshotLoss",
    "waitForAddress",
    "state",
    "ipAddress",
    "addresses",
    "macs",
    "instance",
    "console",
    "host"
  ],
  references: {
    "disks.*.volume": "path",
    "networks.*.network": "id"
  },
  secrets: [
    "cloudInit.userData"
  ]
};

/** A virtual machine. */
export class VirtualMachine extends HostResource {
  /** Type token, for policies. */
  static readonly __pulumiType: string = typeOf("VirtualMachine");

  static override isInstance(value: unknown): value is VirtualMachine {
    return pulumi.CustomResource.isInstance(value) && Reflect.get(value, "__pulumiType") === VirtualMachine.__pulumiType;
  }

  /** Name or id of an object that exists on the host already: it is taken over as it is instead of being made. Has no effect later. */
  declare readonly adopt: pulumi.Output<string | undefined>;
  /** Name on the host. Default: the resource's name. */
  declare readonly name: pulumi.Output<string>;
  /** Free text kept with it. */
  declare readonly description: pulumi.Output<string | undefined>;
  /** Names and values kept with it. */
  declare readonly tags: pulumi.Output<Readonly<Record<string, string>> | undefined>;
  /** Virtual processors, 1 to 512. */
  declare readonly cpus: pulumi.Output<number>;
  /** How far `cpus` can grow without a restart, 1 to 512. Default: `cpus` when it is made. */
  declare readonly maxCpus: pulumi.Output<number | undefined>;
  /** Memory: bytes or text such as "2GiB"; a multiple of 1MiB. */
  declare readonly memory: pulumi.Output<number>;
  /** How far `memory` can grow without a restart. Default: `memory` when it is made. The guest needs a balloon driver to give memory back. */
  declare readonly maxMemory: pulumi.Output<number | undefined>;
  /** The host gives and takes memory as the guest needs it; `memory` is what it starts with. */
  declare readonly dynamicMemory: pulumi.Output<VirtualMachineDynamicMemory | undefined>;
  /** Firmware that boots the guest. */
  declare readonly firmware: pulumi.Output<"uefi" | "bios">;
  /** Only signed boot loaders start. Needs `uefi`. */
  declare readonly secureBoot: pulumi.Output<boolean>;
  /** A TPM 2.0. Taking it away destroys its contents. */
  declare readonly tpm: pulumi.Output<boolean>;
  /** The guest system as an osinfo short id: `debian12`, `win2k22`. */
  declare readonly guest: pulumi.Output<string | undefined>;
  /** `auto`: hardware virtualisation where the host has it, else emulation, which is said. `required`: never emulation. `none`: always emulation. */
  declare readonly acceleration: pulumi.Output<"auto" | "required" | "none">;
  /** Disks; the first one boots. */
  declare readonly disks: pulumi.Output<readonly VirtualMachineDisk[]>;
  /** Absolute path of a CD image on the host. Swapped in place. */
  declare readonly cdrom: pulumi.Output<string | undefined>;
  /** Network interfaces. */
  declare readonly networks: pulumi.Output<readonly VirtualMachineNetwork[]>;
  /** First-boot data, given to the guest as a NoCloud CD. An edit swaps the CD; a guest reads it again at its next boot. */
  declare readonly cloudInit: pulumi.Output<VirtualMachineCloudInit | undefined>;
  /** What it shall be doing. */
  declare readonly powerState: pulumi.Output<"running" | "stopped" | "paused">;
  /** Start it when the host starts. */
  declare readonly autostart: pulumi.Output<boolean>;
  /** How it is shut down. */
  declare readonly shutdown: pulumi.Output<VirtualMachineShutdown>;
  /** May an update restart the guest? `never` turns a change that needs it into an error at preview. */
  declare readonly restartPolicy: pulumi.Output<"ifNeeded" | "never">;
  /** The explicit word without which a machine that has snapshots on the host is not deleted or replaced: they go with it. */
  declare readonly allowSnapshotLoss: pulumi.Output<boolean>;
  /** A creation or start is done only when the guest has an address. Without it nothing is waited for, and at refresh never. An address that the network allots (`managed` addressing) is there before the guest has booted. */
  declare readonly waitForAddress: pulumi.Output<VirtualMachineWaitForAddress | undefined>;
  /** What it is doing. */
  declare readonly state: pulumi.Output<"running" | "stopped" | "paused" | "crashed" | "suspended">;
  /** The first address that is not local to the guest; of `waitForAddress` where that is declared. */
  declare readonly ipAddress: pulumi.Output<string | undefined>;
  /** Addresses by interface name. */
  declare readonly addresses: pulumi.Output<Readonly<Record<string, readonly string[]>>>;
  /** MAC addresses by interface name. */
  declare readonly macs: pulumi.Output<Readonly<Record<string, string>>>;
  /** Number of the host's process for it, while it runs: another one after every start. */
  declare readonly instance: pulumi.Output<number | undefined>;
  /** Path of the serial console on the host, while it runs and has one. */
  declare readonly console: pulumi.Output<string | undefined>;
  /** The host it is on. */
  declare readonly host: pulumi.Output<string>;

  constructor(name: string, args: VirtualMachineArgs = {}, opts?: pulumi.CustomResourceOptions) {
    super(FACTS, name, args, opts);
  }
}
