import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Words } from "../contract/fixture.js";
import { step } from "../contract/stand.js";
import { requirements } from "../hosts/requirements.js";
import { change, preview, settled } from "./cell.js";
import type { Ground } from "./entry.js";
import type { Inputs, Made } from "./lab.js";
import { LibvirtLab } from "./libvirt-lab.js";
import { machine } from "./machine.js";
import { network } from "./others.js";

const missing = requirements();
const title = "several changes at once, and changes that are none";

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtLab;
  let ground: Ground;
  let made: Made;
  let words: Words;
  beforeAll(async () => {
    lab = await LibvirtLab.open();
    ground = await lab.ground("vm");
    const [root, data, more] = ["root", "data", "more"].map((name, i) => ({ name, volume: ground.volumes[i] }));
    words = { ...machine.plain(ground, "vm"), maxMemory: "1GiB", maxCpus: 4, cpus: 2, disks: [root, data, more] };
    made = await lab.create("VirtualMachine", words);
  });
  afterAll(() => lab?.close());

  /** Changes words and gives what the preview said. */
  const edit = async (more: Words) => {
    words = { ...words, ...more };
    const { told, made: now } = await change(lab, "VirtualMachine", made, words);
    made = now;
    return told;
  };
  const disks = () => words["disks"] as readonly Words[];

  it("is one restart when one property needs it and another does not", async () => {
    expect(await edit({ memory: "96MiB", cpus: 1, description: "both" })).toMatchObject({
      effect: "restart",
      paths: ["description", "cpus", "memory"],
    });
  });

  it("is nothing when only the spelling of a size changes", async () => {
    for (const memory of ["98304KiB", 100663296, "96 MiB"]) expect((await edit({ memory })).effect).toBe("none");
    expect((await edit({ maxMemory: "1024MiB" })).effect).toBe("none");
    expect((await edit({ shutdown: { method: "acpi", timeout: "1s", onTimeout: "force" } })).effect).toBe("none");
  });

  it("is nothing when words say what holds without them", async () => {
    const { disks: all, networks } = words as { disks: Words[]; networks: Words[] };
    const spelled = {
      ...{ powerState: "running", autostart: false, secureBoot: false, tpm: false, acceleration: "auto" },
      disks: all.map((disk) => ({ ...disk, bus: "virtio", readOnly: false, format: "qcow2" })),
      networks: networks.map((nic) => ({ ...nic, model: "virtio", connected: true, mac: macOf(nic) })),
    };
    expect((await edit(spelled)).effect).toBe("none");
    const undone = { powerState: undefined, autostart: undefined, secureBoot: undefined, tpm: undefined };
    expect((await edit({ ...undone, acceleration: undefined, disks: all, networks })).effect).toBe("none");
  });
  const macOf = (nic: Words) => (made.outputs["macs"] as Record<string, string>)[String(nic["name"])];

  it("is live when disks that did not boot change places, and a restart when another one boots", async () => {
    const [root, data, more] = disks();
    expect(await edit({ disks: [root, more, data] })).toMatchObject({ effect: "live", paths: ["disks (order)"] });
    expect(await edit({ disks: [more, root, data] })).toMatchObject({ effect: "restart", paths: ["disks (order)"] });
    expect((await edit({ disks: [root, data, more] })).effect).toBe("restart");
  });

  it("is live when the disk that boots gets another name, and leaves its device as it was", async () => {
    const all = disks();
    const disksOf = async (...which: string[]) =>
      (await lab.daemon.virsh("dumpxml", "vm", ...which)).match(/<disk [\s\S]*?<\/disk>/g);
    const before = [await disksOf(), await disksOf("--inactive")];
    expect((await edit({ disks: all.map((disk, i) => (i === 0 ? { ...disk, name: "system" } : disk)) })).effect).toBe(
      "live",
    );
    expect((await edit({ disks: all })).effect).toBe("live");
    expect([await disksOf(), await disksOf("--inactive")]).toEqual(before);
  });

  it("is live when interfaces change places, or go from a network to a bridge and back", async () => {
    const [lan, second] = words["networks"] as readonly Words[];
    expect((await edit({ networks: [second, lan] })).effect).toBe("live");
    const over = { ...second, network: undefined, bridge: ground.bridges[0] };
    expect((await edit({ networks: [over, lan] })).effect).toBe("live");
    expect((await edit({ networks: [lan, second] })).effect).toBe("live");
  });

  it("changes a machine that starts, stops or pauses in the same step", async () => {
    expect((await edit({ powerState: "stopped", cpus: 3, firmware: "uefi" })).effect).toBe("live");
    expect((await edit({ powerState: "paused", cpus: 2, firmware: "bios" })).effect).toBe("live");
    expect((await edit({ powerState: undefined, description: "goes on" })).effect).toBe("live");
    expect(made.outputs["state"]).toBe("running");
  });

  it("gives a second firmware, its variables and Secure Boot in one step, and takes all of it back", async () => {
    expect((await edit({ firmware: "uefi", secureBoot: true, tpm: true })).effect).toBe("restart");
    expect((await edit({ firmware: "bios", secureBoot: undefined, tpm: undefined })).effect).toBe("restart");
  });

  it("that fails half-way leaves the definition with what the guest has, and is gone on with", async () => {
    const gone = { name: "gone", path: `${lab.daemon.pools}/nothing.raw` };
    const seeded = { ...words, cloudInit: { userData: "#!/bin/true\n" } };
    made = (await change(lab, "VirtualMachine", made, seeded)).made;
    const broken = {
      ...seeded,
      disks: [...disks(), gone],
      cloudInit: { userData: "#!/bin/false\n" },
      tags: { a: "b" },
    };
    const { inputs } = lab.engine("VirtualMachine").check(broken);
    const failed = await lab
      .engine("VirtualMachine")
      .update(made.id, made.inputs, inputs as Inputs, step())
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({
      name: "PartialFailure",
      failure: { message: expect.stringContaining("nothing.raw") },
    });
    const seed = (xml: string) => /<source file='([^']*seed[^']*)'/.exec(xml)?.[1];
    const [config, live] = [
      await lab.daemon.virsh("dumpxml", "vm", "--inactive"),
      await lab.daemon.virsh("dumpxml", "vm"),
    ];
    expect(seed(config)).toBeDefined();
    expect(seed(config)).toBe(seed(live));
    expect(await lab.daemon.exec(["ls", `${lab.daemon.pools}/pool-a`]), "no second seed").not.toMatch(/seed-next/);
    words = seeded;
    await edit({ tags: { a: "b" }, cloudInit: { userData: "#!/bin/false\n" } });
    await edit({ tags: undefined, cloudInit: undefined });
  });

  it("changes a network in several ways at once: one restart, and only live edits are live", async () => {
    let lan = await lab.create("Network", network.plain(ground, "together"));
    const plain = network.plain(ground, "together");
    const hosts = [{ address: "10.88.10.20", names: ["db"] }];
    const steps: readonly (readonly [Words, string])[] = [
      [{ ...plain, description: "both", mtu: 1400, dns: { domain: "a.example", hosts } }, "restart"],
      [{ ...plain, description: "live", mtu: 1400, dns: { domain: "a.example", hosts: [...hosts].reverse() } }, "live"],
      [{ ...plain, mtu: 1400, dns: { domain: "a.example", hosts }, autostart: false, active: false }, "live"],
      [{ ...plain, mode: "isolated", active: false }, "live"],
      [plain, "live"],
    ];
    for (const [declared, effect] of steps) {
      const { told, made: now } = await change(lab, "Network", lan, declared);
      expect(told.effect).toBe(effect);
      lan = now;
    }
    await lab.remove("Network", lan);
  });

  it("refuses by name what the host cannot give, for what is there already", async () => {
    const tries: readonly (readonly [Words, string])[] = [
      [{ memory: "100TiB", maxMemory: "100TiB" }, "memory"],
      [{ networks: [{ name: "lan", network: "nothing" }] }, "networks[0].network"],
      [{ disks: [{ name: "root", volume: `${lab.daemon.pools}/pool-a/nothing` }] }, "disks[0].volume"],
      [{ maxCpus: 1 }, "maxCpus"],
      [{ acceleration: "required" }, "acceleration"],
      [{ secureBoot: true }, "secureBoot"],
      [{ cloudInit: { userData: "nonsense" } }, "cloudInit.userData"],
    ];
    for (const [more, path] of tries) {
      const told = await preview(lab, "VirtualMachine", made, { ...words, ...more });
      expect(told, path).toMatchObject({ effect: "refused", paths: [path] });
    }
    await settled(lab, "VirtualMachine", made, words);
  });
});
