import { expect } from "vitest";
import { inWordsOf } from "../../provider/core/references.js";
import { hasGuest, parseCidr } from "../../provider/kinds/address.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import { updated } from "./in-place.js";
import { failure, type Promised, planned, seen, updateFailure } from "./promises.js";
import { type Declared, type Made, type Stand, step } from "./stand.js";

/** A removal that must fail and leave the object where it is. */
async function stays(stand: Stand, kind: KindName, made: Made, words = made.inputs): Promise<void> {
  const error = await failure(stand.engine(kind).remove(made.id, words, step()));
  expect(["busy", "invalid", "failed", "denied"]).toContain(error.code);
  await seen(stand, kind, made);
}

const poolWithVolumes: Promised = async (stand) => {
  const pool = await stand.create("StoragePool", await stand.words("StoragePool"));
  const volume = await stand.create("Volume", await stand.words("Volume", { pool: pool.id }));
  await stays(stand, "StoragePool", pool, { ...pool.inputs, onDelete: "delete" });
  await seen(stand, "Volume", volume);
};

const poolKeeps: Promised = async (stand) => {
  const words = await stand.words("StoragePool");
  const pool = await stand.create("StoragePool", words);
  const volume = await stand.create("Volume", await stand.words("Volume", { pool: pool.inputs["name"] }));
  await stand.engine("StoragePool").remove(pool.id, { ...pool.inputs, onDelete: "keep" }, step());
  await stand.create("StoragePool", words);
  expect((await seen(stand, "Volume", volume)).outputs["path"]).toBe(volume.outputs["path"]);
  // The pool stands in the list behind its volume now; clearing goes from the end.
  stand.remember("Volume", volume.id, volume.inputs);
};

const attached: Promised = async (stand) => {
  const volume = await stand.create("Volume", await stand.words("Volume"));
  const disks = [{ name: "root", volume: volume.outputs["path"] }];
  await stand.create("VirtualMachine", await stand.words("VirtualMachine", { disks }));
  await stays(stand, "Volume", volume);
};

const underOverlay: Promised = async (stand) => {
  const base = await stand.create("Volume", await stand.words("Volume"));
  const words = await stand.words("Volume", { base: base.outputs["path"], size: undefined });
  const above = await stand.create("Volume", words);
  expect(above.outputs["size"]).toBe(base.outputs["size"]);
  expect((await seen(stand, "Volume", above)).properties["base"]).toBe(base.outputs["path"]);
  await stays(stand, "Volume", base);
};

const shrink: Promised = async (stand) => {
  const words = await stand.words("Volume", { size: "128MiB" });
  const made = await stand.create("Volume", words);
  const smaller = stand.checked("Volume", { ...words, size: "64MiB" });
  const problems = await stand.engine("Volume").examine(smaller, made.id);
  expect(problems.map((p) => p.path)).toEqual(["size"]);
  const error = await updateFailure(stand.engine("Volume").update(made.id, made.inputs, smaller, step()));
  expect(error).toMatchObject({ where: { property: "size" } });
  expect((await seen(stand, "Volume", made)).outputs["size"]).toBe(128 * 2 ** 20);
};

const grownInUse: Promised = async (stand) => {
  const words = await stand.words("Volume");
  const volume = await stand.create("Volume", words);
  const disks = [{ name: "root", volume: volume.outputs["path"] }];
  const machine = await stand.create("VirtualMachine", await stand.words("VirtualMachine", { disks }));
  const before = await stand.fixture.incarnation(machine.id);
  const grown = stand.checked("Volume", { ...words, size: "128MiB" });
  const after = await stand.engine("Volume").update(volume.id, volume.inputs, grown, step());
  expect(after.outputs["size"]).toBe(128 * 2 ** 20);
  expect(await stand.fixture.incarnation(machine.id)).toBe(before);
};

const networkInUse: Promised = async (stand) => {
  const network = await stand.create("Network", await stand.words("Network"));
  const networks = [{ name: "nic0", network: network.inputs["name"] }];
  await stand.create("VirtualMachine", await stand.words("VirtualMachine", { networks }));
  await stays(stand, "Network", network);
};

const overlap: Promised = async (stand) => {
  const first = await stand.create("Network", await stand.words("Network"));
  const second = stand.checked("Network", await stand.words("Network", { cidr: first.inputs["cidr"] }));
  expect((await stand.engine("Network").examine(second)).map((p) => p.path)).toEqual(["cidr"]);
};

/** A declaration with a reference to nothing: said at preview, and refused when it is carried out all the same. */
const nowhere =
  (kind: KindName, path: string, more: Readonly<Record<string, unknown>>): Promised =>
  async (stand) => {
    const wanted = stand.checked(kind, await stand.words(kind, more));
    const problems = await stand.engine(kind).examine(wanted);
    expect(problems.map((p) => p.path)).toEqual([path]);
    const error = await failure(stand.engine(kind).create(wanted, step()));
    expect(error.where.property).toBe(path);
  };

/** What the plan would do, as a face asks for it: with references in the last words where they mean the same. */
async function plannedInWords(stand: Stand, kind: KindName, made: Made, wanted: Declared) {
  const { host } = stand.fixture;
  return planned(stand, kind, made, (await inWordsOf(kinds[kind], made.inputs, wanted, host)) as Declared);
}

const anyPoolWord: Promised = async (stand, kind) => {
  const pool = await stand.create("StoragePool", await stand.words("StoragePool"));
  const words = [pool.id, pool.inputs["name"]];
  const base = await stand.words(kind, { allowDataLoss: true });
  for (const [one, other] of [words, words.toReversed()]) {
    const made = await stand.create(kind, { ...base, pool: one });
    const next = stand.checked(kind, { ...base, pool: other });
    expect(await plannedInWords(stand, kind, made, next), String(one)).toMatchObject({ action: "none", changes: [] });
    const moved = await plannedInWords(stand, kind, made, stand.checked(kind, base));
    expect(moved.action, "another pool").toBe("replace");
    await stand.engine(kind).remove(made.id, made.inputs, step());
  }
};

const anyNetworkWord: Promised = async (stand, kind) => {
  const [network, second] = [await stand.shared("Network"), await stand.shared("Network", "second")];
  const on = (word: unknown) => ({ disks: [], networks: [{ name: "nic0", network: word }] });
  const words = [network.id, network.inputs["name"]];
  for (const [one, other] of [words, words.toReversed()]) {
    const base = await stand.words(kind, on(one));
    const made = await stand.create(kind, base);
    const next = stand.checked(kind, { ...base, ...on(other) });
    expect(await plannedInWords(stand, kind, made, next), String(one)).toMatchObject({ action: "none", changes: [] });
    const moved = await plannedInWords(stand, kind, made, stand.checked(kind, { ...base, ...on(second.id) }));
    expect(moved.changes.map((c) => c.path)).toContain('networks["nic0"].network');
  }
};

const allots: Promised = async (stand) => {
  const words = await stand.words("Network", { addressing: "managed" });
  const network = await stand.create("Network", words);
  const networks = [{ name: "nic0", network: network.id }];
  const make = async () => stand.create("VirtualMachine", await stand.words("VirtualMachine", { networks, disks: [] }));
  const addressOf = async (made: Made) => {
    const nics = (await seen(stand, "VirtualMachine", made)).properties["networks"];
    return (nics as readonly { readonly address?: string }[])[0]?.address;
  };
  const [one, two] = [await make(), await make()];
  const [first, second] = [await addressOf(one), await addressOf(two)];
  const cidr = parseCidr(String(words["cidr"]));
  for (const address of [first, second]) expect(cidr && hasGuest(cidr, String(address)), address).toBe(true);
  expect(first).not.toBe(second);
  const engine = stand.engine("VirtualMachine");
  const wanted = { ...one.inputs, description: "later" };
  const later = await engine.update(one.id, one.inputs, wanted as typeof one.inputs, step());
  expect(await addressOf(later)).toBe(first);
};

const derivedMacs: Promised = async (stand) => {
  const words = await stand.words("VirtualMachine");
  const first = await stand.create("VirtualMachine", words);
  await stand.engine("VirtualMachine").remove(first.id, first.inputs, step());
  const second = await stand.create("VirtualMachine", words);
  expect(second.outputs["macs"]).toEqual(first.outputs["macs"]);
  expect(Object.values(first.outputs["macs"] as object)[0]).toMatch(/^52:54:/);
};

const headroom: Promised = async (stand, kind) => {
  const base = await stand.words(kind, { maxCpus: 4, maxMemory: "128MiB" });
  const made = await stand.create(kind, base);
  const live = stand.checked(kind, { ...base, cpus: 2, memory: "96MiB" });
  expect((await planned(stand, kind, made, live)).effect).toBe("live");
  const grown = await updated(stand, kind, made, { ...base, cpus: 2, memory: "96MiB" });
  const beyond = { ...base, cpus: 2, memory: "96MiB", maxMemory: "192MiB" };
  expect((await planned(stand, kind, grown, stand.checked(kind, beyond))).effect).toBe("restart");
  await updated(stand, kind, grown, beyond);
};

const whileStopped: Promised = async (stand, kind) => {
  const base = await stand.words(kind, { powerState: "stopped" });
  const made = await stand.create(kind, base);
  expect(made.outputs["state"]).toBe("stopped");
  const words = { ...base, cpus: 2, memory: "96MiB" };
  expect((await planned(stand, kind, made, stand.checked(kind, words))).effect).toBe("live");
  const after = await updated(stand, kind, made, words);
  expect(after.outputs["state"]).toBe("stopped");
};

const noRestart: Promised = async (stand, kind) => {
  const base = await stand.words(kind, { restartPolicy: "never" });
  const made = await stand.create(kind, base);
  const before = await stand.fixture.incarnation(made.id);
  const more = stand.checked(kind, { ...base, tpm: true });
  const error = await failure(stand.engine(kind).update(made.id, made.inputs, more, step()));
  expect(error.fact).toMatch(/restartPolicy/);
  expect(await stand.fixture.incarnation(made.id)).toBe(before);
};

/** Promises of single kinds. */
export const guards: { readonly [N in KindName]: Readonly<Record<string, Promised>> } = {
  StoragePool: {
    "stays when its directory shall go and holds volumes": poolWithVolumes,
    "keeps its volumes when it leaves the list": poolKeeps,
  },
  Volume: {
    "stays while a machine has it": attached,
    "stays while another one lies over it": underOverlay,
    "never shrinks": shrink,
    "takes every word for its pool for the same": anyPoolWord,
    "grows while a machine has it": grownInUse,
    "needs a pool that is there": nowhere("Volume", "pool", { pool: "contract-nothing" }),
    "needs a base that is there": (stand, kind) =>
      nowhere("Volume", "base", { base: stand.fixture.folder("nothing") })(stand, kind),
  },
  Network: {
    "stays while a machine is on it": networkInUse,
    "does not overlap with another one": overlap,
  },
  VirtualMachine: {
    "needs networks that are there": nowhere("VirtualMachine", "networks[0].network", {
      networks: [{ name: "nic0", network: "contract-nothing" }],
    }),
    "needs volumes that are there": nowhere("VirtualMachine", "disks[0].volume", {
      disks: [{ name: "root", volume: "/contract/nothing" }],
    }),
    "takes every word for its network for the same": anyNetworkWord,
    "is allotted fixed addresses by a managed network": allots,
    "has the same MACs when it is made again": derivedMacs,
    "grows live up to its limits and no further": headroom,
    "is not started by an update while it is stopped": whileStopped,
    "is not restarted against its policy": noRestart,
  },
};
