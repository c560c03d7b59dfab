import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LibvirtHost as Connected, openHost } from "../provider/backends/libvirt/host.js";
import { type LibvirtHost, startLibvirtd } from "../test/hosts/libvirtd.js";
import { pulumiTools } from "../test/pulumi/requirements.js";
import { type Door, openDoor } from "./door.js";
import type { Peers } from "./peers.js";

/** What is measured with, and how much. */
export interface Options {
  /** Rounds; the table shows the median. */
  readonly repeat: number;
  /** Numbers of machines that a refresh reads. */
  readonly sizes: readonly number[];
  /** Machines that are made and destroyed. */
  readonly machines: number;
  /** MiB of the file that is uploaded. */
  readonly upload: number;
}

/** A private libvirt host with a counting door in front of it, and everybody who can be measured on it. */
export interface Lab {
  readonly host: LibvirtHost;
  readonly door: Door;
  /** Temporary folder on the host's file system. */
  readonly folder: string;
  readonly peers: Peers;
  readonly options: Options;
  /** The Pulumi CLI is on hand. */
  readonly pulumi: boolean;
  /** Connection URIs through the door: for crossvisor and Terraform, and as virsh spells them. */
  uri(driver: Driver): string;
  virshUri(driver: Driver): string;
  close(): Promise<void>;
}

export type Driver = "qemu:///system" | "test:///default";

export async function openLab(peers: Peers, options: Options): Promise<Lab> {
  const host = await startLibvirtd();
  const folder = await mkdtemp(join(host.pools, "bench-"));
  const sockets = await mkdtemp(join(tmpdir(), "crossvisor-bench-"));
  const door = await openDoor(host.socket, join(sockets, "door.sock"));
  const uri = (driver: Driver): string => `${driver}?socket=${door.socket}`;
  // The test driver forgets everything with its last connection.
  const anchor: Connected = openHost({ uri: uri("test:///default") });
  await anchor.facts();
  door.calls();
  return {
    host,
    door,
    folder,
    peers,
    options,
    pulumi: typeof pulumiTools() !== "string",
    uri,
    virshUri: (driver) => uri(driver).replace(":", "+unix:"),
    close: async () => {
      await anchor.close();
      await door.close();
      await host.stop();
      await rm(sockets, { recursive: true, force: true });
    },
  };
}
