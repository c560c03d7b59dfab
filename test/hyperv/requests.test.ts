import { randomBytes } from "node:crypto";
import { getServers } from "node:dns";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createDisk,
  diskUses,
  getDisk,
  growDisk,
  type NewDisk,
  removeDisk,
} from "../../provider/backends/hyperv/requests/disk.js";
import { copyFile, hashFile } from "../../provider/backends/hyperv/requests/file.js";
import {
  clearFileMark,
  createFolder,
  getFolder,
  removeFolder,
  setFileMark,
} from "../../provider/backends/hyperv/requests/folder.js";
import { hostFacts, hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import {
  createMachine,
  getMachine,
  type NewMachine,
  pauseMachine,
  removeMachine,
  startMachine,
  stopMachine,
  updateMachine,
} from "../../provider/backends/hyperv/requests/machine.js";
import { createSwitch, getSwitch, removeSwitch, updateSwitch } from "../../provider/backends/hyperv/requests/switch.js";
import { upload } from "../../provider/backends/hyperv/upload.js";
import type { Part } from "../../provider/transports/sftp.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { type Lab, openLab, refusalOf } from "./lab.js";

const GIB = 2 ** 30;
const FOLDER = "C:\\vms";
const file = (name: string): string => `${FOLDER}\\${name}`;
const wanted = (name: string, more: Partial<NewMachine> = {}): NewMachine => ({
  name,
  sole: { name, nics: [] },
  generation: 2,
  path: FOLDER,
  memory: { startup: GIB },
  disks: [],
  dvds: [],
  nics: [],
  tpm: false,
  ...more,
});
async function* these(...parts: readonly Part[]): AsyncGenerator<Part> {
  yield* parts;
}

describe.skipIf(hypervMissing() !== undefined)(withHyperv("requests to a Hyper-V host"), () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(() => lab?.close());
  const agent = () => lab.host.agent;
  const dynamic = (path: string, more: Partial<NewDisk> = {}) =>
    createDisk(agent(), { path, size: GIB, type: "Dynamic", ...more });

  test("facts of the host", async () => {
    expect(await hostFacts(agent())).toMatchObject({
      build: 26100,
      server: true,
      state: { vmms: "Running", module: true, administrator: true },
      // The engine asks this machine, as Node does.
      nameServers: getServers().filter((address) => isIPv4(address) && !/^(127|169\.254)\./.test(address)),
      hyperV: { processors: 16, macMinimum: "00155D010000" },
      error: undefined,
    });
  });

  test("a disk is made, over another one too, grows, and is deleted by its exact path", async () => {
    const [base, child, neighbour] = [file("web.vhdx"), file("web child.vhdx"), file("web2.vhdx")];
    expect(await dynamic(base, { blockSize: 2 ** 20 })).toMatchObject({ exists: true, size: GIB, type: "Dynamic" });
    await dynamic(neighbour);
    expect(await refusalOf(dynamic(base))).toMatchObject({ code: "exists" });
    const over = { type: "Differencing", parent: base, size: undefined } as const;
    expect(await dynamic(child, over)).toMatchObject({ parent: base, size: GIB });
    expect((await growDisk(agent(), child, 2 * GIB)).size).toBe(2 * GIB);
    const before = (await lab.simulated.journal()).length;
    expect((await growDisk(agent(), child, 2 * GIB)).size).toBe(2 * GIB);
    expect((await lab.simulated.journal()).slice(before).map((c) => c.command)).not.toContain("Resize-VHD");
    expect(await refusalOf(growDisk(agent(), child, GIB))).toMatchObject({ code: "invalid" });
    const needed = await refusalOf(removeDisk(agent(), base, []));
    expect(needed).toMatchObject({ code: "busy", fact: expect.stringContaining(child) });
    for (const path of [child, base]) expect(await removeDisk(agent(), path, [])).toBe(true);
    expect(await removeDisk(agent(), base, [])).toBe(false);
    expect(await getDisk(agent(), base)).toMatchObject({ exists: false, size: undefined });
    expect((await getDisk(agent(), neighbour)).exists).toBe(true);
  });

  test("a disk that could not be made leaves no file", async () => {
    await lab.simulated.faults([
      {
        command: "New-VHD",
        moment: "after",
        error: { id: "Broken", category: "WriteError", message: "no", hresult: "0x8007001D" },
      },
    ]);
    expect(await refusalOf(dynamic(file("half.vhdx")))).toMatchObject({ code: "failed" });
    expect(existsSync(lab.simulated.path(file("half.vhdx")))).toBe(false);
    await lab.simulated.faults([]);
  });

  test("names and notes of any characters go there and back, and find nothing else", async () => {
    const names = ["a [b]* ?", "it's $(x) `n", "日本 😀"];
    for (const name of names) {
      const notes = `${name}\n"quoted" ${name.repeat(200)}`;
      const made = await createMachine(agent(), wanted(name, { notes }));
      expect(made).toMatchObject({ name, notes, state: "Off" });
      const renamed = await updateMachine(agent(), made.id, {
        changes: [{ what: "name", with: { name: `${name}2` } }],
      });
      expect(renamed).toMatchObject({ id: made.id, name: `${name}2` });
      expect(await removeMachine(agent(), made.id, { snapshots: false, files: [] })).toBe(true);
      expect(await getMachine(agent(), made.id)).toBe(undefined);
    }
  });

  test("a machine with its parts is one request, starts, changes under way, and stops", async () => {
    const root = file("life.vhdx");
    await dynamic(root);
    const net = await createSwitch(agent(), { name: "life", type: "Internal", notes: "" });
    lab.counts.clear();
    const made = await createMachine(
      agent(),
      wanted("life", {
        cpus: 2,
        disks: [{ controller: "SCSI", number: 0, location: 0, path: root }],
        dvds: [{ number: 0, location: 62 }],
        nics: [{ name: "lan", mac: "52:54:00:00:00:07", switchId: net.id, vlan: { mode: "Access", access: 7 } }],
        firmware: { secureBoot: true, template: "MicrosoftUEFICertificateAuthority" },
        tpm: true,
      }),
    );
    expect(Object.fromEntries(lab.counts)).toEqual({ "vm.create": 1 });
    const [disk, nic] = [made.disks[0]!, made.nics[0]!];
    expect(nic).toMatchObject({ name: "lan", mac: "52:54:00:00:00:07", switchId: net.id, vlan: { access: 7 } });
    expect(made).toMatchObject({
      cpus: 2,
      tpm: true,
      firmware: { secureBoot: true },
      nics: [{}],
      dvds: [{ path: "" }],
    });
    expect(made.firmware?.bootOrder[0]?.device).toBe(disk.id);
    expect((await startMachine(agent(), made.id)).state).toBe("Running");
    expect((await startMachine(agent(), made.id)).state).toBe("Running");
    const changed = await updateMachine(agent(), made.id, {
      changes: [
        { what: "settings", with: { notes: "new", startAction: "Start" } },
        { what: "nic.disconnect", with: { id: nic.id } },
        { what: "nic.set", with: { id: nic.id, vlan: { mode: "Untagged" } } },
      ],
    });
    expect(changed).toMatchObject({
      notes: "new",
      startAction: "Start",
      nics: [{ switchId: "", vlan: { mode: "Untagged" } }],
    });
    const cpus = await refusalOf(
      updateMachine(agent(), made.id, { changes: [{ what: "processor", with: { cpus: 4 } }] }),
    );
    expect(cpus.code).toBe("failed");
    expect((await pauseMachine(agent(), made.id)).state).toBe("Paused");
    expect((await startMachine(agent(), made.id)).state).toBe("Running");
    expect(await refusalOf(removeDisk(agent(), root, []))).toMatchObject({ code: "busy" });
    expect(await diskUses(agent(), root, [])).toEqual({ machine: "life", child: undefined });
    const early = await refusalOf(removeMachine(agent(), made.id, { snapshots: false, files: [] }));
    expect(early.fact).toContain("is not off (Running)");
    expect((await stopMachine(agent(), made.id, { seconds: 30, force: false })).state).toBe("Off");
    await removeMachine(agent(), made.id, { snapshots: false, files: [] });
    expect(existsSync(lab.simulated.path(`${FOLDER}\\life`))).toBe(false);
    expect(existsSync(lab.simulated.path(root))).toBe(true);
    await removeSwitch(agent(), net.id, {});
  });

  test("a guest that does not shut down is left, or turned off where that is allowed", async () => {
    const { id } = await createMachine(agent(), wanted("stubborn"));
    await startMachine(agent(), id);
    await lab.simulated.set({ shutdown: "hangs" });
    const stays = await refusalOf(stopMachine(agent(), id, { seconds: 1, force: false }));
    expect(stays).toMatchObject({ code: "timeout", fact: expect.stringContaining("did not shut down within 1 s") });
    expect((await stopMachine(agent(), id, { seconds: 1, force: true })).state).toBe("Off");
    await lab.simulated.set({ shutdown: "obeys" });
    await removeMachine(agent(), id, { snapshots: false, files: [] });
  });

  test("a machine of which a part fails leaves nothing", async () => {
    const disks = [{ controller: "SCSI", number: 0, location: 0, path: file("missing.vhdx") }] as const;
    expect(await refusalOf(createMachine(agent(), wanted("broken", { disks })))).toMatchObject({ code: "failed" });
    expect((await hostInventory(agent())).machines.map((m) => m.name)).not.toContain("broken");
    expect(existsSync(lab.simulated.path(`${FOLDER}\\broken`))).toBe(false);
  });

  test("NAT, address and switch come and go together", async () => {
    const nat = { name: "crossvisor-nat", prefix: "10.9.0.0/24" };
    const host = { address: "10.9.0.1", prefix: 24 };
    const made = await createSwitch(agent(), { name: "nat", type: "Internal", notes: "n", host, nat });
    expect(made).toMatchObject({ type: "Internal", managementOS: true, addresses: [host] });
    const again = await refusalOf(
      createSwitch(agent(), { name: "other", type: "Internal", notes: "", nat: { ...nat, name: "x" } }),
    );
    expect(again).toMatchObject({ code: "exists" });
    const changes = [
      { what: "notes", with: { notes: "m" } } as const,
      { what: "name", with: { name: "nat2" } } as const,
    ];
    expect(await updateSwitch(agent(), made.id, changes)).toMatchObject({ id: made.id, name: "nat2", notes: "m" });
    const all = await hostInventory(agent());
    expect([all.switches.map((s) => s.name), all.nats]).toEqual([["nat2"], [nat]]);
    expect(await removeSwitch(agent(), made.id, { nat })).toBe(true);
    expect(await removeSwitch(agent(), made.id, { nat })).toBe(false);
    expect(await getSwitch(agent(), made.id)).toMatchObject({ switch: undefined, nats: [] });
  });

  test("the whole host is one request, whatever it has", async () => {
    await Promise.all([1, 2, 3].map((i) => dynamic(file(`many${i}.vhdx`))));
    const made = await Promise.all([1, 2, 3].map((i) => createMachine(agent(), wanted(`many${i}`))));
    await createFolder(agent(), FOLDER, "{}");
    lab.counts.clear();
    const all = await hostInventory(agent());
    expect(Object.fromEntries(lab.counts)).toEqual({ "host.inventory": 1 });
    expect(all.machines.map((m) => m.name).toSorted()).toEqual(["many1", "many2", "many3"]);
    expect(all.disks.map((d) => d.path)).toEqual(expect.arrayContaining([1, 2, 3].map((i) => file(`many${i}.vhdx`))));
    expect(all.pools.map((p) => p.path)).toContain(FOLDER);
    await Promise.all(made.map((m) => removeMachine(agent(), m.id, { snapshots: false, files: [] })));
    expect(await removeFolder(agent(), FOLDER, { folder: false })).toBe(true);
  });

  test("a folder is marked, and deleted only when it is empty", async () => {
    const path = "C:\\pools\\日本 a";
    expect(await getFolder(agent(), path)).toMatchObject({ exists: false });
    expect(await createFolder(agent(), path, '{"owner":"日本"}')).toMatchObject({
      exists: true,
      mark: '{"owner":"日本"}',
    });
    expect((await getFolder(agent(), path)).available).toBeGreaterThan(0);
    await dynamic(`${path}\\a.vhdx`);
    await setFileMark(agent(), `${path}\\a.vhdx`, "mine");
    expect((await getFolder(agent(), path)).marks).toEqual([{ file: "a.vhdx", text: "mine" }]);
    await clearFileMark(agent(), `${path}\\a.vhdx`);
    expect((await getFolder(agent(), path)).marks).toEqual([]);
    const full = await refusalOf(removeFolder(agent(), path, { folder: true }));
    expect(full).toMatchObject({ code: "failed", fact: expect.stringContaining("holds a.vhdx") });
    await removeDisk(agent(), `${path}\\a.vhdx`, []);
    expect(await removeFolder(agent(), path, { folder: true })).toBe(true);
    expect(await getFolder(agent(), path)).toMatchObject({ exists: false });
  });

  test.each(["sftp", "the agent"])("a file goes by %s, into its place in one step", async (by) => {
    const other = lab.connect();
    const way = by === "sftp" ? other.way : { ...other.way, put: async () => undefined };
    const host = { ...other, way };
    const [path, bytes] = [file(`up by ${by}.iso`), randomBytes(3_000_000)];
    const parts = () =>
      these(bytes.subarray(0, 2_000_000), { hole: 100_000 }, bytes.subarray(2_000_000), { hole: 70_000 });
    const expected = Buffer.concat([
      bytes.subarray(0, 2_000_000),
      Buffer.alloc(100_000),
      bytes.subarray(2_000_000),
      Buffer.alloc(70_000),
    ]);
    const there = () => readFileSync(lab.simulated.path(path));
    expect(await upload(host, { path, parts: parts(), verify: true })).toMatchObject({ fileSize: expected.length });
    expect(there().equals(expected)).toBe(true);
    expect(await refusalOf(upload(host, { path, parts: these(bytes) }))).toMatchObject({ code: "exists" });
    async function* broken(): AsyncGenerator<Part> {
      yield bytes;
      throw new Error("the source is gone");
    }
    await expect(upload(host, { path, parts: broken(), replace: true })).rejects.toThrow("the source is gone");
    expect(there().equals(expected)).toBe(true);
    await upload(host, { path, parts: these(bytes.subarray(0, 10)), replace: true });
    expect(there()).toHaveLength(10);
    await other.close();
  });

  test("a copy on the host, and its digest", async () => {
    const [source, path] = [file("source.iso"), file("copy.iso")];
    writeFileSync(lab.simulated.path(source), "abc");
    expect(await copyFile(agent(), { source, path, newIdentifier: false })).toMatchObject({ fileSize: 3 });
    expect(await hashFile(agent(), path)).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(await refusalOf(copyFile(agent(), { source, path, newIdentifier: false }))).toMatchObject({
      code: "exists",
    });
  });
});
