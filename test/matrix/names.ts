import type { Ground } from "./entry.js";

/** Names in place of objects of a libvirt host. */
export const names: Ground = {
  volumes: ["/pool/a", "/pool/b", "/pool/c", "/pool/d"],
  files: ["/files/a", "/files/b"],
  isos: ["/files/a.iso", "/files/b.iso"],
  networks: ["10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002"],
  cidrs: ["10.88.1.0/24", "10.88.2.0/24"],
  bridges: ["br-a", "br-b"],
  pools: ["pool-a", "pool-b"],
  sources: ["/images/a.qcow2", "/images/b.qcow2"],
  sha256: "a".repeat(64),
  bases: ["/pool/base-a", "/pool/base-b"],
  folder: (name) => `/folders/${name}`,
};
