import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, host } from "../../provider/backends/libvirt/rpc/procedures/connect.js";
import { domains } from "../../provider/backends/libvirt/rpc/procedures/domain.js";
import { domainChange } from "../../provider/backends/libvirt/rpc/procedures/domain-change.js";
import { domainGuest } from "../../provider/backends/libvirt/rpc/procedures/domain-guest.js";
import { networks } from "../../provider/backends/libvirt/rpc/procedures/network.js";
import { secrets } from "../../provider/backends/libvirt/rpc/procedures/secret.js";
import { pools, volumes } from "../../provider/backends/libvirt/rpc/procedures/storage.js";

/** What drivers call, by the name that they import it under. */
const areas: Readonly<Record<string, Readonly<Record<string, { readonly number: number }>>>> = {
  connect,
  hostCalls: host,
  host,
  domains,
  domainChange,
  domainGuest,
  networks,
  pools,
  volumes,
  secrets,
};

/** The permissions that libvirt's access control asks for each procedure (@acl and @aclfilter of remote_protocol.x). */
export const ACL: Readonly<Record<number, readonly string[]>> = {
  1: ["connect:getattr"],
  2: [],
  4: ["connect:getattr"],
  6: ["connect:read"],
  7: ["connect:read"],
  14: ["domain:read"],
  15: ["domain:read"],
  23: ["domain:getattr"],
  24: ["domain:getattr"],
  28: ["domain:suspend"],
  29: ["domain:write"],
  34: ["domain:suspend"],
  39: ["network:start"],
  41: ["network:write", "network:save"],
  42: ["network:stop"],
  43: ["network:read"],
  44: ["network:read"],
  46: ["network:getattr"],
  47: ["network:getattr"],
  48: ["network:write"],
  49: ["network:delete"],
  59: ["connect:getattr"],
  66: [],
  70: [],
  75: ["connect:detect-storage-pools"],
  77: ["storage-pool:write", "storage-pool:save"],
  78: ["storage-pool:start"],
  79: ["storage-pool:format"],
  80: ["storage-pool:stop"],
  81: ["storage-pool:format"],
  82: ["storage-pool:delete"],
  83: ["storage-pool:refresh"],
  84: ["storage-pool:getattr"],
  85: ["storage-pool:getattr"],
  86: ["storage-pool:getattr"],
  87: ["storage-pool:read"],
  88: ["storage-pool:read"],
  89: ["storage-pool:read"],
  90: ["storage-pool:write"],
  93: ["storage-vol:create"],
  94: ["storage-vol:delete"],
  95: ["storage-vol:getattr"],
  97: ["storage-vol:getattr"],
  98: ["storage-vol:read"],
  99: ["storage-vol:read"],
  125: ["storage-vol:create"],
  140: ["connect:search-secrets", "secret:getattr"],
  141: ["secret:getattr"],
  142: ["secret:write", "secret:save"],
  143: ["secret:read"],
  146: ["secret:delete"],
  147: ["secret:getattr"],
  150: ["domain:read"],
  152: ["network:read"],
  154: ["storage-pool:read"],
  157: ["connect:getattr"],
  160: ["domain:write", "domain:save"],
  161: ["domain:write", "domain:save"],
  174: ["domain:write", "domain:save"],
  183: ["domain:read"],
  185: ["domain:snapshot"],
  186: ["domain:read"],
  193: ["domain:snapshot"],
  196: ["domain:start"],
  199: ["domain:write", "domain:save"],
  204: ["domain:write", "domain:save"],
  208: ["storage-vol:data-write"],
  209: ["storage-vol:data-read"],
  212: ["domain:read"],
  231: ["domain:delete"],
  234: ["domain:stop"],
  251: ["domain:block-write"],
  258: ["domain:init-control", "domain:write"],
  260: ["storage-vol:resize"],
  264: ["domain:write", "domain:save"],
  273: ["connect:search-domains", "domain:getattr"],
  274: ["domain:read"],
  281: ["connect:search-storage-pools", "storage-pool:getattr"],
  282: ["storage-pool:search-storage-vols", "storage-vol:getattr"],
  283: ["connect:search-networks", "network:getattr"],
  287: ["connect:search-secrets", "secret:getattr"],
  291: ["network:write", "network:save"],
  341: ["network:read"],
  342: ["connect:write"],
  344: ["connect:search-domains", "domain:read"],
  350: ["domain:write", "domain:save"],
  353: ["domain:read", "domain:write"],
  378: ["storage-vol:read"],
  391: ["storage-pool:getattr"],
  432: ["network:write", "network:save"],
};

const BACKEND = join(__dirname, "../../provider/backends/libvirt");
/** What doctor tries on purpose is told by doctor; the protocol's own files only say what could be called. */
const APART = /^(rpc|doctor)\//;

/** Numbers of the procedures that the drivers call, with the names by which they do. */
export function called(): ReadonlyMap<number, string> {
  const files = readdirSync(BACKEND, { recursive: true, encoding: "utf8" });
  const sources = files.filter((f) => f.endsWith(".ts") && !f.endsWith(".test.ts") && !APART.test(f));
  const found = new Map<number, string>();
  for (const file of sources) {
    const text = readFileSync(join(BACKEND, file), "utf8");
    for (const [name, area = "", key = ""] of text.matchAll(/\b(\w+)\.(\w+)\b/g)) {
      const number = Object.hasOwn(areas, area) ? areas[area]?.[key]?.number : undefined;
      if (number !== undefined) found.set(number, name);
    }
  }
  return found;
}

/** Permissions that only look. */
const LOOKS = /:(getattr|read|refresh)$|^connect:(search|detect)|:search-/;

/** What libvirt asks of itself in the caller's name when a machine on one of its networks starts or stops (measured, 9.0.0). */
const PORTS = ["create", "delete", "getattr", "read"].map((permission) => `network-port:${permission}`);

/** The permissions that the drivers' calls need, `OBJECT:PERMISSION`: those for a look, or those for changes besides. */
export function permissions(looks: boolean): readonly string[] {
  const asked = [...new Set([...called().keys()].flatMap((number) => ACL[number] ?? []))];
  return [...asked.filter((p) => LOOKS.test(p) === looks), ...(looks ? [] : PORTS)];
}

/** The permissions by object, parted into those for a look and those for changes, as a table in Markdown. */
export function rights(): string {
  const all = [...permissions(true), ...permissions(false)];
  const objects = [...new Set(all.map((p) => p.split(":")[0] ?? ""))].sort();
  const of = (object: string, looks: boolean) =>
    permissions(looks)
      .filter((p) => p.startsWith(`${object}:`))
      .map((p) => `\`${p.split(":")[1]}\``)
      .sort()
      .join(", ");
  const rows = objects.map((object) => `| \`${object}\` | ${of(object, true)} | ${of(object, false)} |`);
  return ["| object | to preview and refresh | to change, besides |", "|---|---|---|", ...rows].join("\n");
}
