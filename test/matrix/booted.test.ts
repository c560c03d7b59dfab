import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Words } from "../contract/fixture.js";
import { type GuestPage, guestImage, guestPage, guestRequirements } from "../hosts/guest.js";
import { waitFor } from "../hosts/host-folder.js";
import { requirements } from "../hosts/requirements.js";
import { change } from "./cell.js";
import type { Ground, Table } from "./entry.js";
import type { Made } from "./lab.js";
import { LibvirtLab } from "./libvirt-lab.js";
import { machine } from "./machine.js";
import { names } from "./names.js";
import { rowsOf } from "./verdict.js";
import { type Stage, type Tally, walk } from "./walk.js";

const missing = requirements() ?? guestRequirements();
const title = "what only a booted guest can do, with its boot id and what it sees";

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtLab;
  let ground: Ground;
  let root: Made;
  let stage: Stage;
  let bootId = "";
  const tally: Tally = new Map();
  /** The same declarations, on a disk that boots. */
  const table: Table = {
    ...machine,
    plain: (g, name) => ({
      ...machine.plain(g, name),
      memory: "128MiB",
      maxMemory: "256MiB",
      maxCpus: 2,
      cloudInit: {},
    }),
  };

  const made = () => stage.last?.made as Made;
  const page = (name: GuestPage): Promise<string> => {
    const addresses = made().outputs["addresses"] as Record<string, readonly string[]>;
    return guestPage(lab.daemon, String(addresses["lan"]?.[0]), name);
  };
  const sees = (name: GuestPage, what: RegExp) =>
    waitFor(
      async () => (what.test(await page(name)) ? true : undefined),
      30_000,
      async () => `${name}: ${await page(name)}`,
    );
  const edit = async (words: Words) => {
    const { told, made: now } = await change(lab, "VirtualMachine", made(), words);
    stage.last = { made: now, words };
    return told;
  };

  beforeAll(async () => {
    lab = await LibvirtLab.open();
    const image = await guestImage();
    const some = await lab.ground("booted");
    const words = { owner: "matrix/ground", name: "boots", pool: some.pools[0], source: image };
    root = await lab.create("Volume", words);
    ground = { ...some, volumes: [String(root.outputs["path"]), ...some.volumes.slice(1)] };
    stage = { lab, table, state: "running", ground, tally, stays: true };
    const plain = table.plain(ground, "booted");
    stage.last = { made: await lab.create("VirtualMachine", plain), words: plain };
    bootId = await page("boot-id");
  });
  afterAll(async () => {
    console.info(`matrix of booted guests: ${[...tally].map(([effect, n]) => `${n} ${effect}`).join(", ")}`);
    await lab?.close();
  });

  for (const { at } of machine.entries(names, "name").filter((e) => e.guest))
    it(at, async () => {
      const entry = machine.entries(ground, "booted").find((e) => e.at === at);
      if (entry === undefined) throw new Error(at);
      await walk(stage, entry, "booted");
      expect(await page("boot-id")).toBe(bootId);
    });

  it("sees a disk of its own volume grow, and a new one with its size", async () => {
    const { volumes } = ground;
    const volume = { owner: "matrix/ground", name: "booted-b", pool: ground.pools[0], size: "96MiB" };
    const was: Made = {
      id: "pool-a/booted-b",
      inputs: { ...volume, size: 64 * 2 ** 20 } as never,
      outputs: { path: volumes[1], size: 64 * 2 ** 20 } as never,
    };
    await edit(table.plain(ground, "booted"));
    await sees("disks", /65536 vdb/);
    expect((await change(lab, "Volume", was, volume)).told.effect).toBe("live");
    await sees("disks", /98304 vdb/);
    expect(await page("boot-id")).toBe(bootId);
  });

  it("gives back memory, and takes what it was asked while it was paused", async () => {
    const plain = table.plain(ground, "booted");
    const total = async () => Number(/MemTotal: +(\d+)/.exec(await page("meminfo"))?.[1]);
    const less = await total();
    expect((await edit({ ...plain, memory: "192MiB" })).effect).toBe("live");
    await waitFor(
      async () => ((await total()) > less + 50_000 ? true : undefined),
      30_000,
      () => "no more memory",
    );
    expect((await edit({ ...plain, memory: "192MiB", powerState: "paused" })).effect).toBe("live");
    expect((await edit({ ...plain, powerState: "paused" })).effect).toBe("live");
    expect((await edit(plain)).effect).toBe("live");
    await waitFor(
      async () => ((await total()) < less + 20_000 ? true : undefined),
      30_000,
      () => "too much memory",
    );
    expect(await page("boot-id")).toBe(bootId);
  });

  it("releases a disk when it goes on, and not while it stays paused", async () => {
    const plain = table.plain(ground, "booted");
    const [first, data] = plain["disks"] as readonly Words[];
    await edit({ ...plain, powerState: "paused" });
    expect((await edit({ ...plain, disks: [first] })).effect).toBe("live");
    expect((await edit({ ...plain, disks: [first, data] })).effect).toBe("live");
    expect(await page("boot-id")).toBe(bootId);
  });

  it("boots anew exactly where the preview says restart", async () => {
    const plain = table.plain(ground, "booted");
    expect((await edit({ ...plain, memory: "160MiB", cpus: 2 })).effect).toBe("live");
    expect(await page("boot-id")).toBe(bootId);
    expect(await edit({ ...plain, memory: "192MiB", cpus: 1 })).toMatchObject({ effect: "restart" });
    expect(await page("boot-id")).not.toBe(bootId);
    expect(await page("cpus")).toBe("1");
  });

  it("tries all cells of a booted guest", () => {
    const guests = new Set(machine.entries(names, "name").flatMap((e) => (e.guest ? [e.at] : [])));
    const all = rowsOf(machine).filter((row) => row.state === "running" && guests.has(row.at));
    expect([...tally.values()].reduce((a, b) => a + b, 0)).toBe(all.length);
  });
});
