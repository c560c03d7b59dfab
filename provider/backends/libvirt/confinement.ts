import { dirname } from "node:path";
import { isProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import { host as hostCalls } from "./rpc/procedures/connect.js";
import { pools } from "./rpc/procedures/storage.js";
import type { Session } from "./rpc/session.js";
import { childrenOf, type Element, find, parseXml, textAt } from "./xml.js";

/** Whom QEMU runs as: numbers. */
export interface User {
  readonly user: number;
  readonly group: number;
}

/** What decides whether a guest may use a file, besides the file's own permissions. */
export interface Confinement {
  /** `undefined` where libvirt leaves it as it is (a session), or names it by words. */
  readonly user: User | undefined;
  readonly driver: "apparmor" | "selinux" | undefined;
}

/** It does not change while a host is used. */
const known = new WeakMap<Session, Promise<Confinement>>();

/** Asked once for each session. One call. */
export function confinementOf({ session }: Pick<LibvirtHost, "session">): Promise<Confinement> {
  const asked = known.get(session);
  if (asked !== undefined) return asked;
  const asking = session.call(hostCalls.capabilities, undefined).then((text) => {
    return readConfinement(parseXml(text, "the host's capabilities"));
  });
  known.set(session, asking);
  asking.catch(() => known.delete(session));
  return asking;
}

/** From `<secmodel>`: the label that the driver `dac` gives to QEMU's processes is `+64055:+64055`. */
export function readConfinement(capabilities: Element): Confinement {
  const host = find(capabilities, "host");
  const models = (host === undefined ? [] : childrenOf(host, "secmodel")).map((model) => ({
    name: textAt(model, "model"),
    label: textAt(model, "baselabel"),
  }));
  const label = models.find(({ name }) => name === "dac")?.label;
  const [, user, group] = /^\+(\d+):\+(\d+)$/.exec(label ?? "") ?? [];
  const driver = models.map(({ name }) => name).find((name) => name === "apparmor" || name === "selinux");
  return { user: user === undefined ? undefined : { user: Number(user), group: Number(group) }, driver };
}

/**
 * The mode of a started pool's directory, such as `0700`, when that surely keeps QEMU's user out: then no guest can use
 * any file in it. Bits of the group may be those of an access list, which pools do not tell, so they prove nothing.
 */
export function closedMode({ user, group }: User, pool: Element): string | undefined {
  const said = find(pool, "target/permissions");
  const mode = Number.parseInt((said && textAt(said, "mode")) ?? "", 8);
  if (user === 0 || said === undefined || Number.isNaN(mode)) return undefined;
  const isOwner = Number(textAt(said, "owner")) === user;
  const isMember = Number(textAt(said, "group")) === group;
  const bits = isOwner ? 0o100 : isMember ? 0o010 : 0o011;
  return (mode & bits) === 0 ? mode.toString(8).padStart(4, "0") : undefined;
}

/** `closedMode` of the started pool that a file lies in; `undefined` too where no pool has it. One or two calls, shared. */
export function closedFolder(host: Pick<LibvirtHost, "session" | "inventory">, file: string) {
  const folder = dirname(file);
  return host.inventory.share(`folder ${folder}`, async () => {
    const { user } = await confinementOf(host);
    if (user === undefined || user.user === 0) return undefined;
    try {
      const pool = await host.session.call(pools.byTargetPath, { path: folder });
      const xml = await host.session.call(pools.xml, { pool, flags: 0 });
      return closedMode(user, parseXml(xml, `the storage pool ${pool.name}`));
    } catch (error) {
      if (isProviderError(error, "not-found", "unsupported")) return undefined;
      throw error;
    }
  });
}
