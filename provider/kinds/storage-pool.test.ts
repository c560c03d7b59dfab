import { describe, expect, it } from "vitest";
import type { Support } from "../core/driver.js";
import { check } from "../core/engine.js";
import { UNKNOWN } from "../core/values.js";
import { StoragePool } from "./index.js";

const support = Object.fromEntries(Object.keys(StoragePool.properties).map((p) => [p, true])) as Support<
  typeof StoragePool
>;
const paths = (written: Record<string, unknown>) =>
  check(StoragePool, { support }, { name: "p", ...written }).problems.map(({ path }) => path);
const nas = { host: "nas", path: "/srv/images", format: "nfs" };
const share = (source: Record<string, unknown>) => ({ type: "netfs", path: "/mnt/p", source: { ...nas, ...source } });

describe("what each type of storage pool is declared with", () => {
  it.each([
    [{ path: "/srv/p" }],
    [{ path: "/srv/p", onDelete: "delete" }],
    [{ type: "logical" }],
    [{ type: "logical", source: { name: "vg0" } }],
    [{ type: "logical", source: { devices: ["/dev/sdb", "/dev/disk/by-id/x"] }, build: true }],
    [share({})],
    [share({ host: "10.0.0.1", options: ["nfsvers=4.2", "noatime"] })],
    [share({ host: "fd00::1" })],
    [share({ format: "cifs", path: "images/new", options: ["credentials=/etc/cifs.secret"] })],
    [share({ format: "glusterfs", path: "images" })],
    [{ type: UNKNOWN }],
    [{ type: "netfs", path: "/mnt/p", source: UNKNOWN }],
    [{ type: "netfs", path: UNKNOWN, source: { host: UNKNOWN, path: UNKNOWN, format: UNKNOWN } }],
    [{ type: "logical", source: { devices: UNKNOWN }, build: true }],
  ])("takes %j", (written) => expect(paths(written)).toEqual([]));

  it.each([
    [{}, ["path"]],
    [{ path: "/srv/p", source: { name: "vg0" } }, ["source"]],
    [{ path: "/srv/p", build: true }, ["build"]],
    [{ type: "logical", path: "/dev/vg0" }, ["path"]],
    [{ type: "logical", source: { host: "nas" } }, ["source.host"]],
    [{ type: "logical", source: { name: "-x" } }, ["source.name"]],
    [{ type: "logical", build: true }, ["source.devices"]],
    [{ type: "logical", source: { devices: [] }, build: true }, ["source.devices"]],
    [{ type: "logical", source: { devices: ["/dev/sdb", "/dev/sdb"] } }, ["source.devices[1]"]],
    [{ type: "logical", source: { devices: ["/srv/disk.img"] }, build: true }, ["source.devices[0]"]],
    [{ type: "logical", onDelete: "delete" }, ["onDelete"]],
    [{ ...share({}), onDelete: "delete" }, ["onDelete"]],
    [{ type: "netfs" }, ["path", "source", "source.host", "source.path", "source.format"]],
    [share({ name: "vg0" }), ["source.name"]],
    [share({ path: "images" }), ["source.path"]],
    [share({ format: "cifs", path: "/images" }), ["source.path"]],
    [share({ host: "nas images" }), ["source.host"]],
    [share({ host: "-o" }), ["source.host"]],
    [share({ options: ["a,b"] }), ["source.options[0]"]],
    [share({ options: ["password=secret"] }), ["source.options[0]"]],
    [{ type: "zfs", path: "/srv/p" }, ["type"]],
  ])("refuses %j at %j", (written, expected) => expect(paths(written)).toEqual(expected));

  it.each([
    [{ type: "logical" }, { type: "logical", name: "q", source: { name: "p" } }, "source.name"],
    [
      { type: "logical", source: { devices: ["/dev/sdb", "/dev/sdc"] } },
      { type: "logical", name: "q", source: { devices: ["/dev/sdc"] } },
      "source.devices[1]",
    ],
    [{ path: "/srv/p" }, { ...share({}), path: "/srv/p", name: "q" }, "path"],
  ] as const)("%j and %j cannot be on one host", (mine, other, path) => {
    const of = (written: object) => check(StoragePool, { support }, { name: "p", ...written }).inputs;
    expect(StoragePool.clash?.(of(mine), of(other), 'the resource "q"').map((p) => p.path)).toEqual([path]);
    expect(StoragePool.clash?.(of(mine), of({ type: "logical", name: "other" }), "another")).toEqual([]);
  });
});
