// Generated from provider/kinds by `npm run generate`: do not edit.
import * as pulumi from "@pulumi/pulumi";
import { HostResource, type KindFacts, typeOf } from "./resource.js";

/** Where what the pool holds comes from. For `netfs` and `logical`. */
export interface StoragePoolSourceArgs {
  /** For `netfs`: name or address of the file server. */
  readonly host?: pulumi.Input<string> | undefined;
  /** For `netfs`: what the server offers: the directory for `nfs`, the name of the share for `cifs` (`share` or `share/folder`), of the volume for `glusterfs`. */
  readonly path?: pulumi.Input<string> | undefined;
  /** For `netfs`: the protocol. Required there. */
  readonly format?: pulumi.Input<"nfs" | "cifs" | "glusterfs"> | undefined;
  /** For `netfs`: further options of the mount, such as "nfsvers=4.2" or "credentials=/etc/cifs.secret". */
  readonly options?: pulumi.Input<readonly pulumi.Input<string>[]> | undefined;
  /** For `logical`: the volume group. Default: the pool's name. */
  readonly name?: pulumi.Input<string> | undefined;
  /** For `logical`: block devices that the volume group lies on. It is refused when it lies on others. Needed for `build`. */
  readonly devices?: pulumi.Input<readonly pulumi.Input<string>[]> | undefined;
}

/** Where what the pool holds comes from. For `netfs` and `logical`. */
export interface StoragePoolSource {
  /** For `netfs`: name or address of the file server. */
  readonly host?: string | undefined;
  /** For `netfs`: what the server offers: the directory for `nfs`, the name of the share for `cifs` (`share` or `share/folder`), of the volume for `glusterfs`. */
  readonly path?: string | undefined;
  /** For `netfs`: the protocol. Required there. */
  readonly format?: "nfs" | "cifs" | "glusterfs" | undefined;
  /** For `netfs`: further options of the mount, such as "nfsvers=4.2" or "credentials=/etc/cifs.secret". */
  readonly options?: readonly string[] | undefined;
  /** For `logical`: the volume group. Default: the pool's name. */
  readonly name?: string | undefined;
  /** For `logical`: block devices that the volume group lies on. It is refused when it lies on others. Needed for `build`. */
  readonly devices?: readonly string[] | undefined;
}

export interface StoragePoolArgs {
  /** Name or id of an object that exists on the host already: it is taken over as it is instead of being made. Has no effect later. */
  readonly adopt?: pulumi.Input<string> | undefined;
  /**
   * Name on the host. Default: the resource's name.
   *
   * A change needs a replacement.
   */
  readonly name?: pulumi.Input<string> | undefined;
  /**
   * `dir`: a directory. `logical`: an LVM volume group, whose volumes are block devices. `netfs`: a directory of a file server, which the host mounts.
   *
   * Default: "dir". A change needs a replacement.
   */
  readonly type?: pulumi.Input<"dir" | "logical" | "netfs"> | undefined;
  /**
   * Absolute path of the directory on the host, for `netfs` of the mount point. It is made when it is missing. Needed, except for `logical`, which has none.
   *
   * A change needs a replacement.
   */
  readonly path?: pulumi.Input<string> | undefined;
  /**
   * Where what the pool holds comes from. For `netfs` and `logical`.
   *
   * A change needs a replacement.
   */
  readonly source?: pulumi.Input<StoragePoolSourceArgs> | undefined;
  /**
   * For `logical`: the explicit word without which no volume group is made. One that is missing is then made of `source.devices`, which must be empty: nothing is ever written over.
   *
   * Default: false.
   */
  readonly build?: pulumi.Input<boolean> | undefined;
  /**
   * Start it when the host starts.
   *
   * Default: true.
   */
  readonly autostart?: pulumi.Input<boolean> | undefined;
  /**
   * Whether it is started. One that somebody else stopped is started again; `false` stops it: then its volumes cannot be read or changed.
   *
   * Default: true.
   */
  readonly active?: pulumi.Input<boolean> | undefined;
  /**
   * `keep`: deletion takes the pool from the host's list and leaves what it holds where it is. `delete`: the directory of a `dir` is removed too, if it is empty.
   *
   * Default: "keep".
   */
  readonly onDelete?: pulumi.Input<"keep" | "delete"> | undefined;
}

const FACTS: KindFacts = {
  kind: "StoragePool",
  outputs: [
    "adopt",
    "type",
    "path",
    "source",
    "build",
    "autostart",
    "active",
    "onDelete",
    "capacity",
    "available",
    "host"
  ],
  references: {},
  secrets: []
};

/** A place on the host that holds volumes: a directory, an LVM volume group, or a directory of a file server. */
export class StoragePool extends HostResource {
  /** Type token, for policies. */
  static readonly __pulumiType: string = typeOf("StoragePool");

  static override isInstance(value: unknown): value is StoragePool {
    return pulumi.CustomResource.isInstance(value) && Reflect.get(value, "__pulumiType") === StoragePool.__pulumiType;
  }

  /** Name or id of an object that exists on the host already: it is taken over as it is instead of being made. Has no effect later. */
  declare readonly adopt: pulumi.Output<string | undefined>;
  /** Name on the host. Default: the resource's name. */
  declare readonly name: pulumi.Output<string>;
  /** `dir`: a directory. `logical`: an LVM volume group, whose volumes are block devices. `netfs`: a directory of a file server, which the host mounts. */
  declare readonly type: pulumi.Output<"dir" | "logical" | "netfs">;
  /** Absolute path of the directory on the host, for `netfs` of the mount point. It is made when it is missing. Needed, except for `logical`, which has none. */
  declare readonly path: pulumi.Output<string | undefined>;
  /** Where what the pool holds comes from. For `netfs` and `logical`. */
  declare readonly source: pulumi.Output<StoragePoolSource | undefined>;
  /** For `logical`: the explicit word without which no volume group is made. One that is missing is then made of `source.devices`, which must be empty: nothing is ever written over. */
  declare readonly build: pulumi.Output<boolean>;
  /** Start it when the host starts. */
  declare readonly autostart: pulumi.Output<boolean>;
  /** Whether it is started. */
  declare readonly active: pulumi.Output<boolean>;
  /** `keep`: deletion takes the pool from the host's list and leaves what it holds where it is. `delete`: the directory of a `dir` is removed too, if it is empty. */
  declare readonly onDelete: pulumi.Output<"keep" | "delete">;
  /** Bytes of the file system or volume group, as a decimal number in text. */
  declare readonly capacity: pulumi.Output<string>;
  /** Free bytes, as a decimal number in text. */
  declare readonly available: pulumi.Output<string>;
  /** The host it is on. */
  declare readonly host: pulumi.Output<string>;

  constructor(name: string, args: StoragePoolArgs = {}, opts?: pulumi.CustomResourceOptions) {
    super(FACTS, name, args, opts);
  }
}
