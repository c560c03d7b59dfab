import { attribute, parseXml, sizeAt, textAt, write } from "./xml.js";

/** What a pool's description says, as far as drivers use it. */
export interface PoolDescription {
  readonly name: string;
  readonly uuid: string;
  /** `dir`, `fs`, `netfs`, `logical`, … */
  readonly type: string;
  /** Absolute path of the directory; `undefined` where the type has none. */
  readonly path: string | undefined;
  /** Bytes of the file system and free bytes, as of the last refresh. */
  readonly capacity: number;
  readonly available: number;
}

/**
 * A pool of the type `dir`. It says nothing of permissions: a directory that exists keeps its own (measured, 9.0.0), and
 * one that libvirt makes gets mode 0711, which lets QEMU's user pass and shows the list to nobody.
 */
export const writePool = (pool: { readonly name: string; readonly uuid: string; readonly path: string }): string =>
  write([
    "pool",
    { type: "dir" },
    ["name", {}, pool.name],
    ["uuid", {}, pool.uuid],
    ["target", {}, ["path", {}, pool.path]],
  ]);

export function readPool(xml: string): PoolDescription {
  const root = parseXml(xml, "a storage pool");
  return {
    name: textAt(root, "name") ?? "",
    uuid: textAt(root, "uuid") ?? "",
    type: attribute(root, "type") ?? "",
    path: textAt(root, "target/path"),
    capacity: sizeAt(root, "capacity", "bytes") ?? 0,
    available: sizeAt(root, "available", "bytes") ?? 0,
  };
}

/** A path as libvirt keeps it (virFileSanitizePath): no repeated slashes and none at the end. */
export const plainPath = (path: string): string => path.replace(/\/+/g, "/").replace(/(.)\/$/, "$1");
