// Generated from provider/kinds by `npm run generate`: do not edit.
import * as pulumi from "@pulumi/pulumi";
import { HostResource, type KindFacts, typeOf } from "./resource.js";
import type { StoragePool } from "./storage-pool.js";

export interface VolumeArgs {
  /** Name or id of an object that exists on the host already: it is taken over as it is instead of being made. Has no effect later. */
  readonly adopt?: pulumi.Input<string> | undefined;
  /**
   * Name in the pool: the file name in a directory. Default: the resource's name.
   *
   * A change needs a replacement.
   */
  readonly name?: pulumi.Input<string> | undefined;
  /**
   * The storage pool: its name, its id, or the absolute path of its directory.
   *
   * Default: "default". A change needs a replacement.
   */
  readonly pool?: pulumi.Input<string> | pulumi.Input<StoragePool> | undefined;
  /** Size as the guest sees it: bytes or text such as "20GiB", a multiple of 512. Default: the size of `source` or `base`. Grows in place, online when a running virtual machine has it; never shrinks. */
  readonly size?: pulumi.Input<number | string> | undefined;
  /**
   * Image that it starts as: a local file of the machine that runs the program, or an http(s) URL. Streamed; no temporary file.
   *
   * A change needs a replacement.
   */
  readonly source?: pulumi.Input<string> | undefined;
  /** Digest of `source`, 64 hexadecimal digits. A source with another digest never becomes a volume. */
  readonly sha256?: pulumi.Input<string> | undefined;
  /**
   * Volume under it: this one holds only what differs (copy on write). Not for format `raw`.
   *
   * A change needs a replacement.
   */
  readonly base?: pulumi.Input<string> | pulumi.Input<Volume> | undefined;
  /**
   * Format of the file. Default: a format of the host that can be what `provisioning` says.
   *
   * A change needs a replacement.
   */
  readonly format?: pulumi.Input<"qcow2" | "raw" | "vhdx"> | undefined;
  /**
   * `thin`: takes room on the host as it is written to. `thick`: takes the room of its whole size when it is made. Default: `thin`, and `thick` for a block device.
   *
   * A change needs a replacement.
   */
  readonly provisioning?: pulumi.Input<"thin" | "thick"> | undefined;
  /**
   * The explicit word without which no change may destroy what the volume holds: a replacement is refused at preview.
   *
   * Default: false.
   */
  readonly allowDataLoss?: pulumi.Input<boolean> | undefined;
}

const FACTS: KindFacts = {
  kind: "Volume",
  outputs: [
    "adopt",
    "pool",
    "size",
    "source",
    "sha256",
    "base",
    "format",
    "provisioning",
    "allowDataLoss",
    "path",
    "allocation",
    "host"
  ],
  references: {
    pool: "id",
    base: "path"
  },
  secrets: []
};

/** A virtual disk in a storage pool. */
export class Volume extends HostResource {
  /** Type token, for policies. */
  static readonly __pulumiType: string = typeOf("Volume");

  static override isInstance(value: unknown): value is Volume {
    return pulumi.CustomResource.isInstance(value) && Reflect.get(value, "__pulumiType") === Volume.__pulumiType;
  }

  /** Name or id of an object that exists on the host already: it is taken over as it is instead of being made. Has no effect later. */
  declare readonly adopt: pulumi.Output<string | undefined>;
  /** Name in the pool: the file name in a directory. Default: the resource's name. */
  declare readonly name: pulumi.Output<string>;
  /** The storage pool: its name, its id, or the absolute path of its directory. */
  declare readonly pool: pulumi.Output<string>;
  /** Size as the guest sees it, in bytes. */
  declare readonly size: pulumi.Output<number>;
  /** Image that it starts as: a local file of the machine that runs the program, or an http(s) URL. Streamed; no temporary file. */
  declare readonly source: pulumi.Output<string | undefined>;
  /** Digest of `source`, 64 hexadecimal digits. A source with another digest never becomes a volume. */
  declare readonly sha256: pulumi.Output<string | undefined>;
  /** Volume under it: this one holds only what differs (copy on write). Not for format `raw`. */
  declare readonly base: pulumi.Output<string | undefined>;
  /** Format of the file. Default: a format of the host that can be what `provisioning` says. */
  declare readonly format: pulumi.Output<"qcow2" | "raw" | "vhdx" | undefined>;
  /** `thin`: takes room on the host as it is written to. `thick`: takes the room of its whole size when it is made. Default: `thin`, and `thick` for a block device. */
  declare readonly provisioning: pulumi.Output<"thin" | "thick" | undefined>;
  /** The explicit word without which no change may destroy what the volume holds: a replacement is refused at preview. */
  declare readonly allowDataLoss: pulumi.Output<boolean>;
  /** Absolute path on the host. */
  declare readonly path: pulumi.Output<string>;
  /** Bytes that it takes on the host. */
  declare readonly allocation: pulumi.Output<number>;
  /** The host it is on. */
  declare readonly host: pulumi.Output<string>;

  constructor(name: string, args: VolumeArgs = {}, opts?: pulumi.CustomResourceOptions) {
    super(FACTS, name, args, opts);
  }
}
