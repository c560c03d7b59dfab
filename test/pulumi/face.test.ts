import { describe, expect, it } from "vitest";
import { memoryBackend } from "../../provider/backends/memory/index.js";
import type { OpenHost } from "../../provider/core/engine.js";
import { ProviderError } from "../../provider/core/errors.js";
import type { Fields } from "../../provider/core/values.js";
import { Hosts, type Open } from "../../provider/faces/pulumi/hosts.js";
import { type DynamicProvider, dynamicProvider } from "../../provider/faces/pulumi/provider.js";
import { UNKNOWN_TEXT } from "../../provider/faces/pulumi/wire.js";

const request = (config: Record<string, string>) => ({ config: { get: (key: string) => config[key] } });
const NET = { __provider: "stub", name: "lan", owner: "p/s", cidr: "192.168.50.0/24" };
const VOLUME = { __provider: "stub", name: "root", owner: "p/s", size: "1GiB" };

interface Lab {
  readonly provider: (kind: string) => DynamicProvider;
  readonly hosts: Hosts;
  readonly said: string[];
  /** Hosts opened so far. */
  readonly opened: string[];
}

/** The face over memory hosts, one for each URI; `around` may change what a host does. */
function lab(around: (host: OpenHost) => OpenHost = (host) => host): Lab {
  const opened: string[] = [];
  const backends = new Map<string, OpenHost>();
  const open: Open = async ({ uri }) => {
    opened.push(uri);
    const host = backends.get(uri) ?? around({ ...memoryBackend().host({ uri: "memory:" }), identity: uri });
    backends.set(uri, host);
    return host;
  };
  const hosts = new Hosts(open);
  const said: string[] = [];
  const say = async (line: string) => {
    said.push(line);
  };
  return { hosts, said, opened, provider: (kind) => dynamicProvider(kind, { hosts, say }) };
}

async function configured(at: Lab, kind: string, uri = "memory:"): Promise<DynamicProvider> {
  const provider = at.provider(kind);
  await provider.configure(request({ "crossvisor:uri": uri }));
  return provider;
}

/** What the engine does for a new resource. */
async function make(provider: DynamicProvider, sent: object) {
  const { inputs, failures } = await provider.check({}, sent as never);
  expect(failures).toEqual([]);
  return { inputs, ...(await provider.create(inputs)) };
}

/** A host whose answers can be taken away. */
function fragile() {
  const state = { silent: false };
  const broken = () => {
    throw new ProviderError("unreachable", "nobody answers");
  };
  const around = (host: OpenHost): OpenHost => ({
    ...host,
    engine: (kind) => {
      const engine = host.engine(kind);
      const real = { observe: engine.observe.bind(engine), examine: engine.examine.bind(engine) };
      engine.observe = async (...args) => (state.silent ? broken() : real.observe(...args));
      engine.examine = async (...args) => (state.silent ? broken() : real.examine(...args));
      return engine;
    },
  });
  return { state, around };
}

describe("the dynamic provider", () => {
  it("waits for its configuration when the process does not", async () => {
    const provider = lab().provider("Network");
    const pending = provider.configure(request({ "crossvisor:uri": "memory:" }));
    const first = provider.check({}, NET);
    await pending;
    expect((await first).inputs).toMatchObject({ host: "memory:", mode: "nat", __provider: "stub" });
  });

  it("stays refused after a bad configuration, with the remedy, in every method", async () => {
    const provider = lab().provider("Network");
    await provider.configure(request({}));
    const remedy = /pulumi config set crossvisor:uri qemu:\/\/\/system/;
    expect((await provider.check({}, NET)).failures).toEqual([{ property: "", reason: expect.stringMatching(remedy) }]);
    for (const call of [
      () => provider.diff("x", NET, { ...NET, cidr: UNKNOWN_TEXT }),
      () => provider.create(NET),
      () => provider.read("x", NET),
      () => provider.update("x", NET, NET),
      () => provider.delete("x", NET),
    ])
      await expect(call()).rejects.toThrow(remedy);
  });

  it("refuses to work when it was never configured", async () => {
    await expect(lab().provider("Network").create(NET)).rejects.toThrow("was not configured");
  });

  it("shares one host among all kinds of a process", async () => {
    const at = lab();
    await make(await configured(at, "Network"), NET);
    await make(await configured(at, "Volume"), VOLUME);
    expect(at.opened).toEqual(["memory:"]);
    await at.hosts.close();
    expect(at.hosts.signal.aborted).toBe(true);
  });

  it("tries to open a host again after a failure", async () => {
    let tries = 0;
    const hosts = new Hosts(async () => {
      if (tries++ === 0) throw new ProviderError("unreachable", "nobody answers");
      return memoryBackend().host({ uri: "memory:" });
    });
    await expect(hosts.at({ uri: "memory:" })).rejects.toThrow("nobody answers");
    expect((await hosts.at({ uri: "memory:" })).identity).toBe("memory:");
  });

  it("passes unknown values through a check at any depth", async () => {
    const provider = await configured(lab(), "VirtualMachine");
    const disks = [{ volume: UNKNOWN_TEXT }];
    const sent = { __provider: "stub", name: "web", memory: UNKNOWN_TEXT, disks, networks: UNKNOWN_TEXT };
    const { inputs, failures } = await provider.check({}, sent);
    expect(failures).toEqual([]);
    expect(inputs).toMatchObject({
      memory: UNKNOWN_TEXT,
      networks: UNKNOWN_TEXT,
      disks: [{ name: "disk0", volume: UNKNOWN_TEXT }],
    });
  });

  it("points at what is wrong by path, and asks the host only about what is well formed", async () => {
    const provider = await configured(lab(), "VirtualMachine");
    const bad = await provider.check({}, { name: "web", memory: "-1GiB", networks: [{ network: "nope", mac: "x" }] });
    expect(bad.failures.map((f) => f.property)).toEqual(["memory", "networks[0].mac"]);
    const foreign = await provider.check({}, { name: "web", networks: [{ network: "nope" }] });
    expect(foreign.failures).toEqual([{ property: "networks[0].network", reason: expect.stringContaining('"nope"') }]);
  });

  it("does not say yes for a host that it cannot see", async () => {
    const { state, around } = fragile();
    state.silent = true;
    const provider = await configured(lab(around), "Network");
    const { failures } = await provider.check({}, NET);
    expect(failures).toEqual([{ property: "", reason: expect.stringContaining("nobody answers") }]);
  });

  it("plans with what was recorded when the host is silent, and says so", async () => {
    const { state, around } = fragile();
    const at = lab(around);
    const provider = await configured(at, "Network");
    const { id, inputs, outs } = await make(provider, NET);
    const { inputs: news } = await provider.check(inputs, { ...NET, description: "new" });
    state.silent = true;
    expect(await provider.diff(id, outs, news)).toEqual({});
    expect(at.said).toEqual([
      expect.stringContaining("the host does not answer (nobody answers)"),
      "lan: description: none => new: live (as of the last refresh)",
    ]);
  });

  it("does not touch the host for a comparison without differences, nor speak in a refresh", async () => {
    const { state, around } = fragile();
    const at = lab(around);
    const provider = await configured(at, "Network");
    const { id, inputs, outs } = await make(provider, NET);
    state.silent = true;
    const { inputs: again, failures } = await provider.check(inputs, NET);
    expect([again, failures]).toEqual([inputs, []]);
    expect(await provider.diff(id, outs, again)).toEqual({});
    expect(await provider.diff(id, outs, { ...inputs, description: "old words" }), "unchecked: a refresh").toEqual({});
    expect(at.said).toEqual([]);
  });

  it("tells what was declared from what has the same name as an output", async () => {
    const at = lab();
    const volumes = await configured(at, "Volume");
    const base = await make(volumes, VOLUME);
    const { id, outs, inputs } = await make(volumes, {
      ...VOLUME,
      name: "over",
      size: undefined,
      base: base.outs["path"],
    });
    expect(outs).toMatchObject({ size: 2 ** 30, __undeclared: ["size"] });
    const read = await volumes.read(id, outs);
    expect(read.inputs).toEqual(inputs);
    expect(read.props).toEqual(outs);
  });

  it("says that it is gone without an id", async () => {
    const provider = await configured(lab(), "Network");
    expect(await provider.read("not-there", { ...NET, host: "memory:" })).toEqual({});
    await expect(provider.delete("not-there", { ...NET, host: "memory:" })).resolves.toBeUndefined();
  });

  it("replaces for another host, not before the new one stands, and reads and deletes where it is", async () => {
    const at = lab();
    const old = await make(await configured(at, "Network", "memory:one"), NET);
    const provider = await configured(at, "Network", "memory:two");
    const { inputs: news } = await provider.check(old.inputs, NET);
    expect(await provider.diff(old.id, old.outs, news)).toEqual({ replaces: ["host"], deleteBeforeReplace: false });
    expect((await provider.read(old.id, old.outs)).inputs).toEqual(old.inputs);
    await provider.delete(old.id, old.outs);
    expect(await provider.read(old.id, old.outs)).toEqual({});
  });

  it("deletes nothing that the program keeps for an old entry of the state that means it", async () => {
    const at = lab();
    const provider = await configured(at, "Network");
    const there = async ({ id, outs }: { id: string; outs: Fields }) =>
      (await provider.read(id, outs)).id !== undefined;
    const old = await make(provider, NET);
    const again = await make(provider, NET);
    await provider.delete(old.id, old.outs);
    expect(await there(again), "--replace: created first, deleted afterwards").toBe(true);
    expect(at.said.join()).toContain("deleteBeforeReplace: true");

    const later = await configured(at, "Network");
    const { inputs } = await later.check(old.inputs, NET);
    await later.diff(old.id, old.outs, inputs);
    await later.delete(old.id, old.outs);
    expect(await there(old), "an entry that another run left").toBe(true);
    await later.check({}, NET);
    await later.delete(old.id, old.outs);
    expect(await there(old), "replaced by the engine's own decision, deleted first").toBe(false);
  });

  it("refuses what is declared together and is not on one host", async () => {
    const vm = await configured(lab(), "VirtualMachine");
    const of = async (host: string) => {
      const __references = { "disks.0.volume": { id: "default/root", host }, "networks.0.network": { host } };
      const parts = { disks: [{ volume: UNKNOWN_TEXT }], networks: [{ network: UNKNOWN_TEXT }] };
      return (await vm.check({}, { __provider: "stub", name: "web", ...parts, __references })).failures;
    };
    expect(await of("memory:")).toEqual([]);
    expect(await of(UNKNOWN_TEXT)).toEqual([]);
    const reason = "is on another host, memory:other";
    expect(await of("memory:other")).toEqual([
      { property: "disks[0].volume", reason },
      { property: "networks[0].network", reason },
    ]);
  });

  it("does not lose a volume's contents to another host", async () => {
    const at = lab();
    const old = await make(await configured(at, "Volume", "memory:one"), VOLUME);
    const provider = await configured(at, "Volume", "memory:two");
    const { inputs: news } = await provider.check(old.inputs, VOLUME);
    await expect(provider.diff(old.id, old.outs, news)).rejects.toThrow("set allowDataLoss to true");
  });

  it("does not take an unknown reference for a replacement, and answers for what depends on one", async () => {
    const at = lab();
    const provider = await configured(at, "Volume");
    const base = await make(provider, VOLUME);
    const sent = { ...VOLUME, name: "over", base: base.outs["path"], allowDataLoss: true };
    const over = await make(provider, sent);
    const { inputs: news } = await provider.check(over.inputs, { ...sent, base: UNKNOWN_TEXT });
    expect(await provider.diff(over.id, over.outs, news), "a preview").toEqual({});
    expect(at.said).toEqual(["over: base: not known before the update; if it changes, it needs a replacement"]);
    const dependent = { ...over.inputs, base: UNKNOWN_TEXT, name: UNKNOWN_TEXT };
    const answer = { replaces: ["name", "base"], deleteBeforeReplace: true };
    expect(await provider.diff(over.id, over.outs, dependent), "the engine's question").toEqual(answer);
  });

  it("asks the host for an output that a preview does not know of what stays", async () => {
    const at = lab();
    const provider = await configured(at, "Volume");
    const base = await make(provider, VOLUME);
    const sent = { ...VOLUME, name: "over", base: base.outs["path"] };
    const over = await make(provider, sent);
    const unknown = { ...sent, base: UNKNOWN_TEXT };
    const of = async (id: string) =>
      (await provider.check(over.inputs, { ...unknown, __references: { base: { id } } })).inputs;
    expect(await of(base.id)).toEqual(over.inputs);
    expect((await of("something-else"))["base"]).toBe(UNKNOWN_TEXT);
    expect((await of(UNKNOWN_TEXT))["base"]).toBe(UNKNOWN_TEXT);
    const vm = await configured(at, "VirtualMachine");
    const disks = [{ path: "/dev/sdb" }, { volume: UNKNOWN_TEXT }];
    const machine = { __provider: "stub", name: "web", disks, __references: { "disks.1.volume": { id: over.id } } };
    expect((await vm.check({}, machine)).inputs["disks"]).toMatchObject([
      { path: "/dev/sdb" },
      { volume: over.outs["path"] },
    ]);
  });

  it("takes no word for a difference that means the same pool or network, also after a refresh", async () => {
    const at = lab();
    const [pools, networks, volumes, machines] = await Promise.all(
      ["StoragePool", "Network", "Volume", "VirtualMachine"].map((kind) => configured(at, kind)),
    );
    const pool = await make(pools!, { __provider: "stub", name: "vols", owner: "p/s", path: "/vols" });
    const network = await make(networks!, NET);
    const unchanged = async (of: DynamicProvider, one: object, other: object) => {
      const made = await make(of, one);
      for (const { inputs, props } of [{ inputs: made.inputs, props: made.outs }, await of.read(made.id, made.outs)]) {
        const again = await of.check(inputs!, other as never);
        expect(again).toEqual({ inputs, failures: [] });
        expect(await of.diff(made.id, props!, again.inputs)).toEqual({});
      }
      return made;
    };
    for (const [i, [one, other]] of [
      ["vols", pool.id],
      [pool.id, "vols"],
      ["/vols", pool.id],
    ].entries())
      await unchanged(volumes!, { ...VOLUME, name: `v${i}`, pool: one }, { ...VOLUME, name: `v${i}`, pool: other });
    const on = (name: string, word: string) => ({ __provider: "stub", name, networks: [{ network: word }] });
    await unchanged(machines!, on("a", "lan"), on("a", network.id));
    await unchanged(machines!, on("b", network.id), on("b", "lan"));
    expect(at.said).toEqual([]);

    const made = await make(volumes!, { ...VOLUME, name: "moves" });
    const { inputs: news } = await volumes!.check(made.inputs, { ...VOLUME, name: "moves", pool: pool.id });
    await expect(volumes!.diff(made.id, made.outs, news), "another pool").rejects.toThrow("pool");
  });

  it("shows no call stack, except for a bug", async () => {
    const provider = await configured(lab(), "Network");
    const plain = await provider.update("gone", NET, { ...NET, host: "memory:" }).catch((e: Error) => e);
    expect(`${plain}: ${(plain as Error).stack}`).toBe(`crossvisor: ${(plain as Error).message}`);
    const crash = () => {
      throw new TypeError("x is not a function");
    };
    const broken = await configured(
      lab((host) => ({ ...host, engine: crash })),
      "Network",
    );
    const bug = (await broken.create(NET).catch((e: Error) => e)) as Error;
    expect(bug.message).toContain("This is a bug in crossvisor");
    expect(bug.stack).toContain("face.test.ts");
  });
});
