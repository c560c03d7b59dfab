import { readdir } from "node:fs/promises";
import { networks, pools, type Session, secrets } from "../../provider/backends/libvirt/rpc/index.js";
import { domains } from "../../provider/backends/libvirt/rpc/procedures/domain.js";
import {
  attribute,
  attributeAt,
  childrenOf,
  type Element,
  find,
  parseXml,
} from "../../provider/backends/libvirt/xml.js";

/** All that a host has, in a form that is equal for equal hosts. */
export interface Inventory {
  readonly machines: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly pools: Readonly<Record<string, unknown>>;
  /** Paths of volumes that are marked. */
  readonly marks: readonly string[];
  /** Everything below the folder for pools, hidden files too. */
  readonly files: readonly string[];
}

const EVERY = { flags: 0 } as const;
const INACTIVE = 2;

/** Asks the daemon by calls of its own and looks at the folder; nothing of a driver is used. */
export async function inventory(session: Session, folder: string): Promise<Inventory> {
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  return {
    machines: await machines(session),
    networks: await networksOf(session),
    pools: await poolsOf(session),
    marks: await marks(session),
    files: files.map(seedless).sort(),
  };
}

/** A machine's seed takes turns between two names. */
const seedless = (name: string): string => name.replace(/-seed(-next)?\.iso$/, "-SEED");

async function machines(session: Session) {
  const items = await session.call(domains.list, EVERY);
  const found = await Promise.all(
    items.map(async (dom) => {
      const [state, config, live] = await Promise.all([
        session.call(domains.state, { dom, flags: 0 }),
        session.call(domains.xml, { dom, flags: INACTIVE }),
        session.call(domains.xml, { dom, flags: 0 }),
      ]);
      const [wanted, runs] = [devices(parseXml(config, "a machine")), devices(parseXml(live, "a machine"))];
      return [dom.name, { uuid: dom.uuid, state: state.state, devices: wanted, ...same(wanted, runs) }] as const;
    }),
  );
  return Object.fromEntries(found);
}

/** What runs other than it is defined, to be seen in a comparison. */
const same = (wanted: readonly string[], runs: readonly string[]) =>
  wanted.join() === runs.join() ? {} : { runs, but: wanted };

function devices(root: Element): readonly string[] {
  const all = find(root, "devices");
  const of = (name: string) => (all ? childrenOf(all, name) : []);
  return [
    ...of("disk").map(
      (d) => `${attributeAt(d, "target", "dev")} ${seedless(attributeAt(d, "source", "file") ?? "empty")}`,
    ),
    ...of("interface").map((n) => `${attributeAt(n, "mac", "address")} ${attribute(n, "type")}`),
    // What was plugged in comes last.
  ].sort();
}

async function networksOf(session: Session) {
  const items = await session.call(networks.list, EVERY);
  const found = await Promise.all(
    items.map(async (net) => {
      const [active, autostart, xml] = await Promise.all([
        session.call(networks.isActive, { net }),
        session.call(networks.autostart, { net }),
        session.call(networks.xml, { net, flags: 0 }),
      ]);
      const hosts = [...xml.matchAll(/<host mac='([^']*)'.* ip='([^']*)'/g)].map(([, mac, ip]) => `${mac} ${ip}`);
      return [net.name, { uuid: net.uuid, active, autostart, hosts: hosts.sort() }] as const;
    }),
  );
  return Object.fromEntries(found);
}

async function poolsOf(session: Session) {
  const items = await session.call(pools.list, EVERY);
  const found = await Promise.all(
    items.map(async (pool) => {
      const active = await session.call(pools.isActive, { pool });
      const autostart = await session.call(pools.autostart, { pool });
      if (active) await session.call(pools.refresh, { pool, flags: 0 });
      const held = active ? await session.call(pools.volumes, { pool, flags: 0 }) : [];
      const names = held.map(({ name }) => seedless(name)).sort();
      return [pool.name, { uuid: pool.uuid, active, autostart, volumes: names }] as const;
    }),
  );
  return Object.fromEntries(found);
}

/** None where the driver keeps no secrets. */
async function marks(session: Session): Promise<readonly string[]> {
  const all = await session.call(secrets.list, EVERY).catch(() => []);
  return all.map((s) => s.usageID).sort();
}
