// Generated from provider/kinds by `npm run generate`: do not edit.
import * as pulumi from "@pulumi/pulumi";
import { HostResource, type KindFacts, typeOf } from "./resource.js";

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
   * Absolute path of the directory on the host. It is made when it is missing.
   *
   * A change needs a replacement.
   */
  readonly path: pulumi.Input<string>;
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
   * `keep`: deletion takes the pool from the host's list and leaves the directory with everything in it. `delete`: the directory is removed too, if it is empty.
   *
   * Default: "keep".
   */
  readonly onDelete?: pulumi.Input<"keep" | "delete"> | undefined;
}

const FACTS: KindFacts = {
  kind: "StoragePool",
  outputs: [
    "adopt",
    "path",
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

/** A directory of the host that holds volumes. */
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
  /** Absolute path of the directory on the host. It is made when it is missing. */
  declare readonly path: pulumi.Output<string>;
  /** Start it when the host starts. */
  declare readonly autostart: pulumi.Output<boolean>;
  /** Whether it is started. */
  declare readonly active: pulumi.Output<boolean>;
  /** `keep`: deletion takes the pool from the host's list and leaves the directory with everything in it. `delete`: the directory is removed too, if it is empty. */
  declare readonly onDelete: pulumi.Output<"keep" | "delete">;
  /** Bytes of the file system, as a decimal number in text. */
  declare readonly capacity: pulumi.Output<string>;
  /** Free bytes, as a decimal number in text. */
  declare readonly available: pulumi.Output<string>;
  /** The host it is on. */
  declare readonly host: pulumi.Output<string>;

  constructor(name: string, args: StoragePoolArgs, opts?: pulumi.CustomResourceOptions) {
    super(FACTS, name, args, opts);
  }
}
