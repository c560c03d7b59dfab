// Generated from provider/kinds by `npm run generate`: do not edit.
import * as pulumi from "@pulumi/pulumi";
import { HostResource, type KindFacts, typeOf } from "./resource.js";

/** Addresses that the network's DHCP server hands out to any guest. Changed live. */
export interface NetworkDhcpRangeArgs {
  /** First address handed out. */
  readonly start: pulumi.Input<string>;
  /** Last address handed out. */
  readonly end: pulumi.Input<string>;
}

/** A fixed address for one MAC. */
export interface NetworkDhcpHostArgs {
  /** The guest's MAC address, lower case. */
  readonly mac: pulumi.Input<string>;
  /** The address it always gets. */
  readonly address: pulumi.Input<string>;
  /** The host name it is given and found by. */
  readonly name?: pulumi.Input<string> | undefined;
}

/** The network's DHCP server. */
export interface NetworkDhcpArgs {
  /** Addresses that the network's DHCP server hands out to any guest. Changed live. */
  readonly range?: pulumi.Input<NetworkDhcpRangeArgs> | undefined;
  /** Fixed addresses. With `managed` addressing the network interfaces' own entries stand beside these and are not part of this list. */
  readonly hosts?: pulumi.Input<readonly pulumi.Input<NetworkDhcpHostArgs>[]> | undefined;
}

/** Names that the network's DNS server answers. */
export interface NetworkDnsHostArgs {
  /** The address that the names mean. */
  readonly address: pulumi.Input<string>;
  /** Names of this address, at least one. */
  readonly names: pulumi.Input<readonly pulumi.Input<string>[]>;
}

/** The network's DNS server. */
export interface NetworkDnsArgs {
  /**
   * Domain of the guests' names.
   *
   * A change may need a restart.
   */
  readonly domain?: pulumi.Input<string> | undefined;
  /** Further names. Changed live. */
  readonly hosts?: pulumi.Input<readonly pulumi.Input<NetworkDnsHostArgs>[]> | undefined;
}

/** Addresses that the network's DHCP server hands out to any guest. Changed live. */
export interface NetworkDhcpRange {
  /** First address handed out. */
  readonly start: string;
  /** Last address handed out. */
  readonly end: string;
}

/** A fixed address for one MAC. */
export interface NetworkDhcpHost {
  /** The guest's MAC address, lower case. */
  readonly mac: string;
  /** The address it always gets. */
  readonly address: string;
  /** The host name it is given and found by. */
  readonly name?: string | undefined;
}

/** The network's DHCP server. */
export interface NetworkDhcp {
  /** Addresses that the network's DHCP server hands out to any guest. Changed live. */
  readonly range?: NetworkDhcpRange | undefined;
  /** Fixed addresses. With `managed` addressing the network interfaces' own entries stand beside these and are not part of this list. */
  readonly hosts?: readonly NetworkDhcpHost[] | undefined;
}

/** Names that the network's DNS server answers. */
export interface NetworkDnsHost {
  /** The address that the names mean. */
  readonly address: string;
  /** Names of this address, at least one. */
  readonly names: readonly string[];
}

/** The network's DNS server. */
export interface NetworkDns {
  /** Domain of the guests' names. */
  readonly domain?: string | undefined;
  /** Further names. Changed live. */
  readonly hosts?: readonly NetworkDnsHost[] | undefined;
}

export interface NetworkArgs {
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
  /**
   * `nat`: guests reach out through the host. `routed`: without address translation. `isolated`: guests and host only. `private`: guests only. `bridged`: guests are on the network of a host bridge.
   *
   * Default: "nat". A change may need a restart.
   */
  readonly mode?: pulumi.Input<"nat" | "routed" | "isolated" | "private" | "bridged"> | undefined;
  /**
   * IPv4 network, prefix 8 to 30: `192.168.50.0/24`. The host has its first address. Required for `nat`, `routed` and `isolated`; not for the others.
   *
   * A change may need a restart.
   */
  readonly cidr?: pulumi.Input<string> | undefined;
  /**
   * `managed`: each network interface is allotted a fixed address of the cidr, which DHCP hands out and the cloud-init seed states. `dhcp`: the network's DHCP server decides within `dhcp.range`. `none`: no DHCP. Default: `managed` where there is a cidr, else `none`.
   *
   * Changed live.
   */
  readonly addressing?: pulumi.Input<"managed" | "dhcp" | "none"> | undefined;
  /** The network's DHCP server. */
  readonly dhcp?: pulumi.Input<NetworkDhcpArgs> | undefined;
  /** The network's DNS server. */
  readonly dns?: pulumi.Input<NetworkDnsArgs> | undefined;
  /**
   * Largest packet, in bytes, 576 to 65535. Default: the host's.
   *
   * A change may need a restart.
   */
  readonly mtu?: pulumi.Input<number> | undefined;
  /**
   * Name of the host's bridge, or of the network adapter that the host makes one of; required for `bridged`, where it must exist already. Default for the other modes: chosen by the host.
   *
   * A change may need a restart.
   */
  readonly bridge?: pulumi.Input<string> | undefined;
  /**
   * The explicit word without which `bridged` never makes a bridge of a network adapter, or gives one back: the host's own connections over it break off for some seconds. Means nothing where the bridge is there already.
   *
   * Default: false.
   */
  readonly allowInterruption?: pulumi.Input<boolean> | undefined;
  /**
   * Start it when the host starts.
   *
   * Default: true.
   */
  readonly autostart?: pulumi.Input<boolean> | undefined;
  /**
   * Whether it runs. One that somebody else stopped is started again; `false` stops it and keeps it defined.
   *
   * Default: true.
   */
  readonly active?: pulumi.Input<boolean> | undefined;
}

const FACTS: KindFacts = {
  kind: "Network",
  outputs: [
    "adopt",
    "description",
    "mode",
    "cidr",
    "addressing",
    "dhcp",
    "dns",
    "mtu",
    "bridge",
    "allowInterruption",
    "autostart",
    "active",
    "gateway",
    "bridgeDevice",
    "host"
  ],
  references: {},
  secrets: []
};

/** A virtual network of the host, or a host bridge under a name. */
export class Network extends HostResource {
  /** Type token, for policies. */
  static readonly __pulumiType: string = typeOf("Network");

  static override isInstance(value: unknown): value is Network {
    return pulumi.CustomResource.isInstance(value) && Reflect.get(value, "__pulumiType") === Network.__pulumiType;
  }

  /** Name or id of an object that exists on the host already: it is taken over as it is instead of being made. Has no effect later. */
  declare readonly adopt: pulumi.Output<string | undefined>;
  /** Name on the host. Default: the resource's name. */
  declare readonly name: pulumi.Output<string>;
  /** Free text kept with it. */
  declare readonly description: pulumi.Output<string | undefined>;
  /** `nat`: guests reach out through the host. `routed`: without address translation. `isolated`: guests and host only. `private`: guests only. `bridged`: guests are on the network of a host bridge. */
  declare readonly mode: pulumi.Output<"nat" | "routed" | "isolated" | "private" | "bridged">;
  /** IPv4 network, prefix 8 to 30: `192.168.50.0/24`. The host has its first address. Required for `nat`, `routed` and `isolated`; not for the others. */
  declare readonly cidr: pulumi.Output<string | undefined>;
  /** `managed`: each network interface is allotted a fixed address of the cidr, which DHCP hands out and the cloud-init seed states. `dhcp`: the network's DHCP server decides within `dhcp.range`. `none`: no DHCP. Default: `managed` where there is a cidr, else `none`. */
  declare readonly addressing: pulumi.Output<"managed" | "dhcp" | "none" | undefined>;
  /** The network's DHCP server. */
  declare readonly dhcp: pulumi.Output<NetworkDhcp | undefined>;
  /** The network's DNS server. */
  declare readonly dns: pulumi.Output<NetworkDns | undefined>;
  /** Largest packet, in bytes, 576 to 65535. Default: the host's. */
  declare readonly mtu: pulumi.Output<number | undefined>;
  /** Name of the host's bridge, or of the network adapter that the host makes one of; required for `bridged`, where it must exist already. Default for the other modes: chosen by the host. */
  declare readonly bridge: pulumi.Output<string | undefined>;
  /** The explicit word without which `bridged` never makes a bridge of a network adapter, or gives one back: the host's own connections over it break off for some seconds. Means nothing where the bridge is there already. */
  declare readonly allowInterruption: pulumi.Output<boolean>;
  /** Start it when the host starts. */
  declare readonly autostart: pulumi.Output<boolean>;
  /** Whether it runs. */
  declare readonly active: pulumi.Output<boolean>;
  /** The host's address in it. */
  declare readonly gateway: pulumi.Output<string | undefined>;
  /** The host's bridge device. */
  declare readonly bridgeDevice: pulumi.Output<string | undefined>;
  /** The host it is on. */
  declare readonly host: pulumi.Output<string>;

  constructor(name: string, args: NetworkArgs = {}, opts?: pulumi.CustomResourceOptions) {
    super(FACTS, name, args, opts);
  }
}
