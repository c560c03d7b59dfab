import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { network } from "../../provider/backends/libvirt/network.js";
import { storagePool } from "../../provider/backends/libvirt/storage-pool.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { volume } from "../../provider/backends/libvirt/volume.js";
import { Engine, type Kept } from "../../provider/core/engine.js";
import type { Kind } from "../../provider/core/kind.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import { virshWith } from "../foreign/host.js";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";

const reason = requirements();
const drivers = { StoragePool: storagePool, Volume: volume, Network: network, VirtualMachine: virtualMachine };

type Made = Kept<Kind> & { readonly kind: KindName };

describe.skipIf(reason !== undefined)(
  `what others do with virsh meanwhile${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let lab: LibvirtHost;
    let open: ReturnType<typeof openHost>[] = [];
    const said: string[] = [];
    const step = () => ({ report: (line: string) => void said.push(line), signal: new AbortController().signal });
    /** A process of its own for each step, as with the real CLI. */
    const engine = (kind: KindName): Engine<Kind, unknown> => {
      const connection = openHost({ uri: lab.uri });
      open.push(connection);
      return new Engine(kinds[kind], drivers[kind] as never, { name: "lab", connection }) as never;
    };
    const make = async (kind: KindName, words: object): Promise<Made> => {
      const one = engine(kind);
      const { inputs, problems } = one.check({ owner: "p/s", ...words });
      if (problems.length > 0) throw new Error(JSON.stringify(problems));
      return { kind, ...(await one.create(inputs as never, step())) };
    };
    const remove = ({ kind, id, inputs }: Made) => engine(kind).remove(id, inputs, step());

    const read = ({ kind, id, inputs, outputs }: Made) => engine(kind).read(id, inputs, outputs);
    const change = async (was: Made, words: object): Promise<Made> => {
      const one = engine(was.kind);
      const { inputs } = one.check({ owner: "p/s", ...words });
      return { kind: was.kind, ...(await one.update(was.id, was.inputs, inputs as never, step())) };
    };

    const folder = (name = "stack") => join(lab.pools, name);
    const pool = (name = "stack") => make("StoragePool", { name, path: folder(name), onDelete: "delete" });
    const vol = (name: string, more: object = {}) => make("Volume", { name, pool: "stack", size: "1MiB", ...more });
    const machine = (name: string, userData = "#!/bin/true") => ({
      name,
      firmware: "bios",
      acceleration: "none",
      powerState: "stopped",
      disks: [{ volume: join(folder(), `${name}-disk`) }],
      cloudInit: { userData },
    });
    const marks = async () => (await lab.virsh("secret-list")).split("\n").filter((line) => line.includes("volume"));
    const seeds = async () => (await readdir(folder())).filter((name) => name.endsWith(".iso"));
    const nothingLeft = async () => {
      expect(await readdir(lab.pools)).toEqual([]);
      expect(await marks()).toEqual([]);
      expect((await lab.virsh("list", "--all", "--name")).trim()).toBe("");
      expect((await lab.virsh("pool-list", "--all", "--name")).trim()).toBe("");
    };

    beforeAll(async () => {
      lab = await startLibvirtd();
    });
    beforeEach(async () => {
      said.length = 0;
      for (const connection of open) await connection.close();
      open = [];
    });
    afterAll(async () => {
      for (const connection of open) await connection.close();
      await lab?.stop();
    });

    it("goes on with a deletion when its pool, which crossvisor made, was stopped: it is started, and that is said", async () => {
      const stack = await pool();
      const disk = await vol("m-disk");
      const guest = await make("VirtualMachine", machine("m"));
      for (const made of [guest, disk]) {
        await lab.virsh("pool-destroy", "stack");
        said.length = 0;
        await remove(made);
        expect(said.join("\n")).toMatch(/starting the storage pool "stack", which was stopped/);
      }
      await lab.virsh("pool-destroy", "stack");
      await remove(stack);
      await nothingLeft();
    });

    it("deletes what somebody undefined, with its first-boot CD, although its pool was stopped", async () => {
      const [stack, disk] = [await pool(), await vol("m-disk")];
      const guest = await make("VirtualMachine", machine("m"));
      await lab.virsh("undefine", "m");
      await lab.virsh("pool-destroy", "stack");
      for (const made of [guest, disk, stack]) await remove(made);
      await nothingLeft();
    });

    it("starts a pool of others only when the volume's declaration refers to it by its id, as to an adopted one", async () => {
      await mkdir(folder("theirs"));
      await lab.virsh("pool-define-as", "theirs", "dir", "--target", folder("theirs"));
      await lab.virsh("pool-start", "theirs");
      const uuid = (await lab.virsh("pool-uuid", "theirs")).trim();
      const named = await vol("named", { pool: "theirs" });
      const referred = await vol("referred", { pool: uuid });
      await lab.virsh("pool-destroy", "theirs");
      await expect(remove(named)).rejects.toMatchObject({
        code: "hidden",
        fact: 'the storage pool "theirs" is stopped, and others made it',
        hint: expect.stringMatching(/pool-start "theirs".* or take what lies in it out of the state/),
      });
      expect(await lab.virsh("pool-list", "--name")).not.toContain("theirs");
      await remove(referred);
      await remove(named);
      expect(await readdir(folder("theirs"))).toEqual([]);
      await lab.virsh("pool-destroy", "theirs");
      await lab.virsh("pool-delete", "theirs");
      await lab.virsh("pool-undefine", "theirs");
      await nothingLeft();
    });

    it("refuses to forget what lies in a pool that is not defined any more, and tells where it may still be", async () => {
      const [stack, disk] = [await pool(), await vol("m-disk")];
      const guest = await make("VirtualMachine", machine("m"));
      const seed = (await readdir(folder())).find((name) => name.endsWith(".iso")) ?? "none";
      await lab.virsh("pool-destroy", "stack");
      await lab.virsh("pool-undefine", "stack");
      for (const [made, file] of [
        [guest, seed],
        [disk, "m-disk"],
      ] as const)
        await expect(remove(made)).rejects.toMatchObject({
          code: "hidden",
          fact: `the storage pool "stack" is not defined on the host any more, and ${join(folder(), file)} may still be there`,
          hint: expect.stringMatching(/^Define it again .*; if .* out of the state\.$/),
        });
      expect((await readdir(folder())).sort()).toEqual([seed, "m-disk"].sort());
      expect(await marks()).toHaveLength(1);
      expect(await lab.virsh("list", "--all", "--name")).toContain("m");
      await pool();
      for (const made of [guest, disk, stack]) await remove(made);
      await nothingLeft();
    });

    it("leaves no first-boot CD of a machine that was undefined, made again, and deleted", async () => {
      const [stack, disk] = [await pool(), await vol("m-disk")];
      for (const data of ["#!/bin/true\n".repeat(900), "#!/bin/false"]) {
        const made = await make("VirtualMachine", machine("m"));
        // Its CD and the next one take turns.
        const edited = await change(made, machine("m", data));
        expect(await seeds()).toEqual([expect.stringMatching(/-seed-next\.iso$/)]);
        await lab.virsh("undefine", "m");
        expect(await read(edited)).toBeUndefined();
        // What is refreshed away before it is made again may differ in length.
        await make("VirtualMachine", machine("m", `${data}\nhalt`));
        await lab.virsh("undefine", "m");
        const again = await make("VirtualMachine", machine("m"));
        const [first = ""] = (await seeds()).filter((name) => name.endsWith("-seed.iso"));
        const bytes = await readFile(join(folder(), first));
        expect(bytes.length, "nothing of the one before is behind it").toBe(bytes.readUInt32LE(16 * 2048 + 80) * 2048);
        await remove(again);
        expect(await seeds()).toEqual([]);
      }
      for (const made of [disk, stack]) await remove(made);
      await nothingLeft();
    });

    it("deletes with its pool the first-boot CD of a machine that a refresh has seen gone, and no file of others", async () => {
      const [stack, disk, other] = [await pool(), await vol("m-disk"), await vol("kept-disk")];
      await make("VirtualMachine", machine("m"));
      const [seed = ""] = await seeds();
      await lab.virsh("undefine", "m");
      const kept = await make("VirtualMachine", machine("kept"));
      await remove(disk);
      await expect(remove(stack)).rejects.toMatchObject({ code: "busy" });
      await remove(kept);
      await remove(other);
      expect(await seeds()).toEqual([seed]);
      // The same bytes under another name, and other bytes under such a name, are somebody else's.
      for (const [theirs, bytes] of [
        ["copy-00000000-seed.iso", await readFile(join(folder(), seed))],
        [seed.replace("-seed", "-seed-next"), Buffer.alloc(64 * 1024)],
      ] as const) {
        await writeFile(join(folder(), theirs), bytes);
        await expect(remove(stack)).rejects.toMatchObject({ code: "busy", fact: expect.stringContaining(theirs) });
        expect((await readdir(folder())).sort()).toEqual([seed, theirs].sort());
        await lab.exec(["rm", join(folder(), theirs)]);
      }
      // So is one that somebody else's machine has by now.
      const cd = `<disk type='file' device='cdrom'><source file='${join(folder(), seed)}'/><target dev='sda' bus='sata'/></disk>`;
      const heir = `<domain type='qemu'><name>heir</name><memory>32768</memory><os><type>hvm</type></os><devices>${cd}</devices></domain>`;
      await virshWith(lab, "define", heir);
      await expect(remove(stack)).rejects.toMatchObject({ code: "busy" });
      await lab.virsh("undefine", "heir");
      await remove(stack);
      await nothingLeft();
    });

    it("does not write over, nor delete, a first-boot CD that somebody has put into another machine", async () => {
      const [stack, disk] = [await pool(), await vol("m-disk")];
      const made = await make("VirtualMachine", machine("m"));
      const xml = await lab.virsh("dumpxml", "--inactive", "m");
      await lab.virsh("undefine", "m");
      const heir = xml
        .replace("<name>m</name>", "<name>heir</name>")
        .replace(/<uuid>.*<\/uuid>/, "")
        .replace(/<disk type='file' device='disk'>[\s\S]*?<\/disk>/, "")
        .replace(/<metadata>[\s\S]*<\/metadata>/, "");
      await virshWith(lab, "define", heir);
      const [seed = ""] = await seeds();
      const before = await readFile(join(folder(), seed));
      await expect(make("VirtualMachine", machine("m", "#!/bin/false"))).rejects.toMatchObject({
        code: "busy",
        fact: `the virtual machine "heir" has its first-boot CD ${join(folder(), seed)}`,
        where: { property: "cloudInit" },
      });
      await remove(made);
      expect(said.join("\n")).toContain(`${join(folder(), seed)} stays: the virtual machine "heir" has it`);
      expect(await readFile(join(folder(), seed))).toEqual(before);
      await lab.virsh("undefine", "heir");
      for (const one of [made, disk, stack]) await remove(one);
      await nothingLeft();
    });
  },
);
