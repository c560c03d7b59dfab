import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost, openHost } from "../../provider/backends/libvirt/host.js";
import { network } from "../../provider/backends/libvirt/network.js";
import { storagePool } from "../../provider/backends/libvirt/storage-pool.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { volume } from "../../provider/backends/libvirt/volume.js";
import { Engine, type Kept } from "../../provider/core/engine.js";
import type { Kind } from "../../provider/core/kind.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import { type LibvirtHost as Lab, requirements, startLibvirtd } from "../hosts/libvirtd.js";

const reason = requirements();
const drivers = { StoragePool: storagePool, Volume: volume, Network: network, VirtualMachine: virtualMachine };
const silent = () => ({ report: () => undefined, signal: new AbortController().signal });
type Made = Kept<Kind> & { readonly kind: KindName };

/** One process that works on a host, with its calls counted and its connections, at the socket. */
interface Worker {
  readonly host: LibvirtHost;
  engine(kind: KindName): Engine<Kind, LibvirtHost>;
  make(kind: KindName, written: Record<string, unknown>): Promise<Made>;
  remove(made: Made): Promise<void>;
  /** Calls since it was asked last, without those that open a connection. */
  calls(): Record<string, number>;
}

const OPENING = ["connect.authList", "connect.open", "connect.close"];
/** Calls that change something on the host. */
const WRITING = /\.(define|undefine|create|createFrom|update|upload|resize|delete|set\w+|attach\w+|detach\w+|destroy)$/;
const POWER = ["stopped", "running"] as const;
const sum = (calls: Record<string, number>): number => Object.values(calls).reduce((a, b) => a + b, 0);

function worker(uri: string): Worker {
  const counts = new Map<string, number>();
  const host = openHost({ uri }, counts);
  const engine = (kind: KindName) =>
    new Engine(kinds[kind], drivers[kind] as never, { name: uri, connection: host }) as unknown as Engine<
      Kind,
      LibvirtHost
    >;
  return {
    host,
    engine,
    make: async (kind, written) => {
      const { inputs, problems } = engine(kind).check({ owner: "p/s", ...written });
      if (problems.length > 0) throw new Error(JSON.stringify(problems));
      return { kind, ...(await engine(kind).create(inputs as never, silent())) };
    },
    remove: ({ kind, id, inputs }) => engine(kind).remove(id, inputs, silent()),
    calls: () => {
      const calls = Object.fromEntries([...counts].filter(([name]) => !OPENING.includes(name)));
      counts.clear();
      return calls;
    },
  };
}

describe.skipIf(reason !== undefined)(`calls${reason === undefined ? "" : ` (${reason})`}`, () => {
  let lab: Lab;
  let door: Server;
  let uri: string;
  let connections = 0;
  const workers: Worker[] = [];
  const start = (driver = "qemu:///system"): Worker => {
    const made = worker(`${driver}?socket=${uri}`);
    workers.push(made);
    connections = 0;
    return made;
  };
  beforeAll(async () => {
    lab = await startLibvirtd();
    uri = join(lab.root, "counted.sock");
    door = createServer((client) => {
      connections += 1;
      const daemon = connect(lab.socket);
      for (const [one, other] of [
        [client, daemon],
        [daemon, client],
      ] as const)
        one
          .on("error", () => undefined)
          .on("close", () => other.destroy())
          .pipe(other);
    });
    await new Promise<void>((resolve) => door.listen(uri, resolve));
  });
  afterAll(async () => {
    for (const { host } of workers) await host.close();
    door?.close();
    await lab?.stop();
  });

  /** Words for a machine that asks little of the host. Nobody answers in it: a shutdown is forced after a second. */
  const machine = (name: string, more: Record<string, unknown> = {}) => ({
    name,
    memory: "32MiB",
    firmware: "bios",
    acceleration: "none",
    shutdown: { method: "acpi", timeout: 1, onTimeout: "force" },
    ...more,
  });

  describe("one machine with a disk, an interface on a managed network and a seed", () => {
    let words: (state: string) => Record<string, unknown>;
    const create = {
      "domain.byName": 1,
      "pool.byTargetPath": 1,
      "volume.xml": 1,
      "network.xml": 1,
      "network.update": 1,
      "volume.create": 1,
      "volume.upload": 1,
      "domain.define": 1,
      "domain.xml": 1,
      "domain.autostart": 1,
      "domain.allStats": 2,
    };
    const remove = {
      "domain.xml": 1,
      "domain.snapshots": 1,
      "domain.undefine": 1,
      "volume.delete": 2,
      "network.xml": 1,
      "network.update": 1,
    };
    beforeAll(async () => {
      const w = start();
      await w.make("StoragePool", { name: "vols", path: join(lab.pools, "vols") });
      const vol = await w.make("Volume", { name: "v", pool: "vols", size: "1MiB" });
      const net = await w.make("Network", { name: "n", cidr: "10.90.0.0/24" });
      words = (powerState) =>
        machine(`m-${powerState}`, {
          disks: [{ volume: vol.outputs["path"] }],
          networks: [{ network: net.id }],
          cloudInit: { userData: "#cloud-config\n" },
          powerState,
        });
    });
    const ready = async (): Promise<Worker> => {
      const w = start();
      await w.host.facts();
      w.calls();
      return w;
    };

    it("is made stopped in eleven calls and the upload, with one connection and one for the upload", async () => {
      const w = await ready();
      const made = await w.make("VirtualMachine", words("stopped"));
      expect(w.calls()).toEqual(create);
      expect(connections).toBe(2);
      await w.remove(made);
      expect(w.calls()).toEqual(remove);
      expect(connections).toBe(2);
    });

    it("is made and started in thirteen calls and the upload, and removed in eight (nine when it is powered off) and a registration", async () => {
      const w = await ready();
      const made = await w.make("VirtualMachine", words("running"));
      const calls = w.calls();
      expect(calls).toEqual({ ...create, "domain.create": 1, "domain.xml": 2 });
      expect(sum(calls) - 1).toBeLessThanOrEqual(13);
      // Nobody answers in it: asked to shut down, and powered off.
      await w.remove(made);
      const { "event.registerDomain": registered, ...deletion } = w.calls();
      expect(registered).toBe(1);
      expect(deletion).toEqual({ ...remove, "domain.shutdown": 1, "domain.destroy": 1 });
      expect(sum(deletion)).toBeLessThanOrEqual(9);
      expect(connections).toBe(2);
    });

    it("waits for an address that the network allotted without a further look", async () => {
      const w = await ready();
      const made = await w.make("VirtualMachine", { ...words("running"), waitForAddress: { timeout: 20 } });
      const { "event.registerDomain": registered, ...calls } = w.calls();
      expect(registered).toBe(1);
      expect(calls).toEqual({ ...create, "domain.create": 1, "domain.xml": 2 });
      expect(made.outputs["ipAddress"]).toMatch(/^10\.90\.0\./);
      await w.remove(made);
    });

    it.each(["stopped", "running"])("is left alone when it is %s and nothing changes", async (state) => {
      const w = await ready();
      const made = await w.make("VirtualMachine", words(state));
      const engine = w.engine("VirtualMachine");
      const before = await lab.virsh("dumpxml", "--inactive", made.id);
      w.calls();
      await engine.update(made.id, made.inputs, made.inputs as never, silent());
      expect(w.calls()).toEqual({
        "domain.xml": state === "running" ? 2 : 1,
        "domain.autostart": 1,
        // Whether the network still keeps its address.
        "network.xml": 1,
        "domain.allStats": 1,
      });
      // Also where the driver is asked although there is nothing to do: it reads, and writes nothing.
      const observed = await virtualMachine.observe(w.host, made.id, { inputs: made.inputs as never, outputs: {} });
      w.calls();
      const wanted = made.inputs as never;
      const step = { ...silent(), made: () => undefined };
      await virtualMachine.update(w.host, { id: made.id, observed: observed!, wanted, changes: [] }, step);
      const calls = w.calls();
      expect(Object.keys(calls).filter((name) => WRITING.test(name))).toEqual([]);
      expect(await lab.virsh("dumpxml", "--inactive", made.id)).toBe(before);
      await w.remove(made);
    });
  });

  /** Reads everything as a face does it at a refresh: a new process, all resources at once. */
  const refreshed = async (driver: string, all: readonly Made[]): Promise<{ calls: Record<string, number> }> => {
    const w = start(driver);
    const read = ({ kind, id, inputs, outputs }: Made) => w.engine(kind).read(id, inputs, outputs as never);
    const now = await Promise.all(all.map(read));
    const calls = w.calls();
    expect(now.map((kept) => kept?.id)).toEqual(all.map(({ id }) => id));
    expect(now.map((kept) => kept?.inputs)).toEqual(all.map(({ inputs }) => inputs));
    expect(connections).toBe(1);
    await w.host.close();
    return { calls };
  };

  it("refreshes many machines, volumes and networks with one call for each, one for each that runs, and a handful for the host", async () => {
    const w = start();
    const pool = await w.make("StoragePool", { name: "many", path: join(lab.pools, "many") });
    const nets = [
      await w.make("Network", { name: "many-0", cidr: "10.91.0.0/24" }),
      await w.make("Network", {
        name: "many-1",
        cidr: "10.91.1.0/24",
        addressing: "dhcp",
        dhcp: { range: { start: "10.91.1.10", end: "10.91.1.200" } },
      }),
    ];
    const all: Made[] = [pool, ...nets];
    for (const [from, to] of [
      [0, 10],
      [10, 30],
    ] as const) {
      const numbers = Array.from({ length: to - from }, (_, i) => from + i);
      const vols = await Promise.all(
        numbers.map((i) => w.make("Volume", { name: `v${i}`, pool: "many", size: "1MiB" })),
      );
      const machines = await Promise.all(
        numbers.map((i) =>
          w.make(
            "VirtualMachine",
            machine(`many-${i}`, {
              disks: [{ volume: vols[i - from]?.outputs["path"] }],
              networks: [{ network: nets[i % 2]?.id }],
              powerState: i < 4 ? "running" : "stopped",
            }),
          ),
        ),
      );
      all.push(...vols, ...machines);
      const { calls } = await refreshed("qemu:///system", all);
      expect(calls).toEqual({
        "domain.list": 1,
        "domain.allStats": 1,
        // What runs is read beside what is defined.
        "domain.xml": to + 4,
        "network.list": 3,
        "network.xml": 2,
        // The two running machines on the network without allotment.
        "network.leases": 1,
        "pool.list": 3,
        "pool.refresh": 1,
        "pool.volumes": 1,
        "pool.xml": 1,
        "volume.xml": to,
      });
      // Machines, volumes and networks; three for the pool.
      expect(sum(calls)).toBeLessThanOrEqual(2 * to + 4 + 2 + 3 + 10);
    }
    await Promise.all(all.filter(({ kind }) => kind === "VirtualMachine").map(w.remove));
  }, 240_000);

  it("refreshes fifty machines of the test driver, made at the same time", async () => {
    const w = start("test:///default");
    const net = await w.make("Network", { name: "t", cidr: "10.92.0.0/24" });
    const machines = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        w.make("VirtualMachine", machine(`t${i}`, { networks: [{ network: net.id }], powerState: POWER[i % 2] })),
      ),
    );
    unlike(machines);
    const { calls } = await refreshed("test:///default", [net, ...machines]);
    expect(calls).toEqual({
      "domain.list": 1,
      "domain.allStats": 1,
      "domain.xml": 50,
      "network.list": 3,
      "network.xml": 1,
    });
    await Promise.all(machines.map(w.remove));
    await w.remove(net);
  });

  it("makes a dozen machines at the same time, none like another", async () => {
    const w = start();
    const net = await w.make("Network", { name: "crowd", cidr: "10.93.0.0/27" });
    const twelve = Array.from({ length: 12 }, (_, i) =>
      w.make("VirtualMachine", machine(`crowd-${i}`, { networks: [{ network: net.id }], powerState: "stopped" })),
    );
    const machines = await Promise.all(twelve);
    expect(connections).toBe(1);
    unlike(machines);
    await Promise.all(machines.map(w.remove));
    for (const which of [[], ["--inactive"]])
      expect(await lab.virsh("net-dumpxml", ...which, "crowd")).not.toMatch(/<host mac/);
  });
});

/** No two interfaces have the same MAC or address. */
function unlike(machines: readonly Made[]): void {
  for (const output of ["macs", "addresses"]) {
    const all = machines.flatMap(({ outputs }) => Object.values(outputs[output] as Record<string, unknown>).flat());
    expect(all).toHaveLength(machines.length);
    expect(new Set(all).size).toBe(machines.length);
  }
}
