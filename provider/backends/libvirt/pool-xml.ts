import type { InputsOf } from "../../core/kind.js";
import { groupOf, type Kinds } from "../../kinds/index.js";
import {
  attribute,
  attributeAt,
  childrenOf,
  type Element,
  find,
  parseXml,
  sizeAt,
  type Tree,
  textAt,
  write,
} from "./xml.js";

type Inputs = InputsOf<Kinds["StoragePool"]>;
type Source = NonNullable<Inputs["source"]>;

/** What a pool's description says, as far as drivers use it. */
export interface PoolDescription {
  readonly name: string;
  readonly uuid: string;
  /** `dir`, `fs`, `netfs`, `logical`, … */
  readonly type: string;
  /** Absolute path of the directory; for `logical` that of its device files; `undefined` where the type has none. */
  readonly path: string | undefined;
  /** In the words of the kind; `undefined` where the kind has none for the type. */
  readonly source: Source | undefined;
  /** Bytes of the file system and free bytes, as of the last refresh. */
  readonly capacity: number;
  readonly available: number;
}

/** What is written of a pool. */
export interface NewPool extends Pick<Inputs, "name" | "type" | "path" | "source"> {
  readonly uuid: string;
}

/**
 * A pool to be defined. It says nothing of permissions: a directory that exists keeps its own (measured, 9.0.0), and
 * one that libvirt makes gets mode 0711, which lets QEMU's user pass and shows the list to nobody.
 */
export function writePool(pool: NewPool): string {
  const { name, uuid, type, path } = pool;
  const options = (type === "netfs" && pool.source?.options) || [];
  return write([
    "pool",
    { type, "xmlns:fs": options.length > 0 ? MOUNT : undefined },
    ["name", {}, name],
    ["uuid", {}, uuid],
    sourceTree(pool),
    ["target", {}, ["path", {}, type === "logical" ? `/dev/${groupOf(pool)}` : (path ?? "")]],
    options.length > 0 && ["fs:mount_opts", {}, ...options.map((o): Tree => ["fs:option", { name: o }])],
  ]);
}

/** Options of mounts have a namespace of their own (storage.rng, since libvirt 5.1). */
const MOUNT = "http://libvirt.org/schemas/storagepool/fs/1.0";

function sourceTree(pool: NewPool): Tree | false {
  const { type, source } = pool;
  if (type === "dir") return false;
  if (type === "logical")
    return [
      "source",
      {},
      ...(source?.devices ?? []).map((path): Tree => ["device", { path }]),
      ["name", {}, groupOf(pool)],
      ["format", { type: "lvm2" }],
    ];
  return [
    "source",
    {},
    ["host", { name: source?.host ?? "" }],
    ["dir", { path: source?.path ?? "" }],
    ["format", { type: source?.format }],
  ];
}

export function readPool(xml: string): PoolDescription {
  const root = parseXml(xml, "a storage pool");
  const type = attribute(root, "type") ?? "";
  return {
    name: textAt(root, "name") ?? "",
    uuid: textAt(root, "uuid") ?? "",
    type,
    path: textAt(root, "target/path"),
    source: sourceOf(root, type),
    capacity: sizeAt(root, "capacity", "bytes") ?? 0,
    available: sizeAt(root, "available", "bytes") ?? 0,
  };
}

function sourceOf(root: Element, type: string): Source | undefined {
  const source = find(root, "source");
  const known = (fields: Readonly<Record<string, unknown>>): Source =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  if (source !== undefined && type === "logical") {
    const devices = childrenOf(source, "device").flatMap((d) => attribute(d, "path") ?? []);
    return known({ name: textAt(source, "name"), devices: devices.length > 0 ? devices : undefined });
  }
  if (source === undefined || type !== "netfs") return undefined;
  const [mount] = childrenOf(root, "mount_opts", MOUNT);
  const options = (mount ? childrenOf(mount, "option") : []).flatMap((o) => attribute(o, "name") ?? []);
  return known({
    host: attributeAt(source, "host", "name"),
    path: attributeAt(source, "dir", "path"),
    format: attributeAt(source, "format", "type"),
    options: options.length > 0 ? options : undefined,
  });
}

/** A path as libvirt keeps it (virFileSanitizePath): no repeated slashes and none at the end. */
export const plainPath = (path: string): string => path.replace(/\/+/g, "/").replace(/(.)\/$/, "$1");
