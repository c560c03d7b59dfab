import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { libvirtWithin } from "../../provider/backends/libvirt/index.js";
import { networks, pools, Session, secrets, volumes } from "../../provider/backends/libvirt/rpc/index.js";
import { domains } from "../../provider/backends/libvirt/rpc/procedures/domain.js";
import type { Limits } from "../../provider/backends/libvirt/rpc/session.js";
import { localTransport } from "../../provider/transports/local.js";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";
import type { LibvirtFault } from "./faults.js";
import { type Inventory, inventory } from "./inventory.js";
import type { Lab } from "./lab.js";
import { FaultProxy } from "./proxy.js";
import { ProviderProcess, Stack } from "./pulumi.js";
import { type SshWay, sshWay } from "./ssh.js";

/** Short, so that what never answers is given up soon; long enough for what a busy machine does. */
export const IMPATIENT: Limits = {
  openingMs: 1500,
  quickMs: 1000,
  slowMs: 3000,
  stallMs: 800,
  keepaliveMs: 100,
  keepaliveCount: 4,
  sshKeepaliveMs: 150,
};

export type Driver = "qemu:///system" | "test:///default";

/** A private libvirtd with a proxy before it. */
export interface LibvirtLab extends Lab {
  readonly driver: Driver;
  readonly daemon: LibvirtHost;
}

export async function openLibvirtLab(driver: Driver, over: "socket" | "ssh"): Promise<LibvirtLab> {
  const daemon = await startLibvirtd();
  const session = new Session({ uri: driver, dial: () => localTransport().connect(daemon.socket) });
  await session.call(domains.list, { flags: 0 });
  let current: ProviderProcess | undefined;
  let isDead = false;
  let ssh: SshWay | undefined;
  const restart = async () => {
    await daemon.restart();
    isDead = false;
  };
  const proxy = await FaultProxy.open(daemon.socket, join(daemon.root, "faulty-sock"), {
    kill: async () => {
      isDead = true;
      await daemon.kill9();
    },
    restart,
    die: () => current?.die(),
    interrupt: () => current?.interrupt(),
    ssh: (how) => ssh?.[how](),
  });
  if (over === "ssh") ssh = await sshWay();
  const config = ssh?.config(driver, proxy.socket) ?? { "crossvisor:uri": `${driver}?socket=${proxy.socket}` };
  const made = (limits: Limits) => new ProviderProcess(config, async (at) => libvirtWithin(limits).host(at));
  const stack = { now: new Stack() };
  const look = () => inventory(session, daemon.pools);
  await mkdir(daemon.pools, { recursive: true });
  await chmod(daemon.pools, 0o711);
  const first = await look();
  return {
    driver,
    daemon,
    faults: {
      arm: async (wanted) => proxy.arm(wanted?.fault as LibvirtFault | undefined, wanted?.at),
      points: async () => {
        const points = [...proxy.points];
        return () => points;
      },
      fired: async () => proxy.fired !== undefined,
    },
    get stack() {
      return stack.now;
    },
    process: (patience) => {
      current = made(patience === "patient" ? {} : IMPATIENT);
      return current;
    },
    calmly: async (step) => {
      const process = made({});
      try {
        return await step(process);
      } finally {
        await process.close();
      }
    },
    heal: async () => {
      await proxy.settled();
      if (isDead) await restart();
      proxy.heal();
      ssh?.heal();
    },
    inventory: look,
    file: (path) => (driver === "qemu:///system" ? path : undefined),
    powerOff: () => powerOff(session, first),
    wipe: async () => {
      await powerOff(session, first);
      await wipe(session, first);
      if (driver === "qemu:///system") await rm(daemon.pools, { recursive: true, force: true });
      await mkdir(daemon.pools, { recursive: true });
      await chmod(daemon.pools, 0o711);
      stack.now = new Stack();
    },
    close: async () => {
      await session.close();
      await proxy.close();
      await ssh?.close();
      await daemon.stop();
    },
  };
}

/** Pulls the plug of all machines that were not there at first. */
export async function powerOff(session: Session, first: Inventory): Promise<void> {
  for (const dom of await session.call(domains.list, { flags: 1 }))
    if (!(dom.name in first.machines)) await session.call(domains.destroy, { dom, flags: 0 });
}

/** Managed save, snapshots, NVRAM, checkpoints. */
const ALL_RECORDS = 1 | 2 | 4 | 16;

/** Takes away all that was not there at first; files that no pool knows stay. */
export async function wipe(session: Session, first: Inventory): Promise<void> {
  const flags = 0;
  for (const dom of await session.call(domains.list, { flags }))
    if (!(dom.name in first.machines))
      await session
        .call(domains.undefine, { dom, flags: ALL_RECORDS })
        .catch(() => session.call(domains.undefine, { dom, flags }));
  for (const net of await session.call(networks.list, { flags })) {
    if (net.name in first.networks) continue;
    await session.call(networks.destroy, { net }).catch(() => undefined);
    await session.call(networks.undefine, { net }).catch(() => undefined);
  }
  for (const pool of await session.call(pools.list, { flags })) {
    if (pool.name in first.pools) continue;
    const held = await session.call(pools.volumes, { pool, flags }).catch(() => []);
    for (const vol of held) await session.call(volumes.delete, { vol, flags }).catch(() => undefined);
    await session.call(pools.destroy, { pool }).catch(() => undefined);
    await session.call(pools.undefine, { pool }).catch(() => undefined);
  }
  for (const secret of await session.call(secrets.list, { flags }).catch(() => []))
    await session.call(secrets.undefine, { secret });
}
