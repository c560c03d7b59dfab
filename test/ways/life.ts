import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { libvirt } from "../../provider/backends/libvirt/index.js";
import type { Step } from "../../provider/core/driver.js";
import type { HostSettings } from "../../provider/core/settings.js";
import type { KindName } from "../../provider/kinds/index.js";
import type { LibvirtHost } from "../hosts/libvirtd.js";

const step = (): Omit<Step, "made"> => ({ report: () => undefined, signal: new AbortController().signal });

/**
 * A whole life by one way to a host: everything is made, with an upload, changed while it runs, read and removed. No
 * guest boots. Fails where something is left on the host, or went otherwise than it was told.
 */
export async function life(lab: LibvirtHost, settings: HostSettings): Promise<void> {
  const host = libvirt.host(settings);
  const checked = (kind: KindName, words: object) => {
    const { inputs, problems } = host.engine(kind).check({ owner: "ways/life", ...words });
    expect(problems).toEqual([]);
    return inputs as Parameters<ReturnType<typeof host.engine>["create"]>[0];
  };
  const create = async (kind: KindName, words: object) => {
    const inputs = checked(kind, words);
    expect(await host.engine(kind).examine(inputs)).toEqual([]);
    return { kind, ...(await host.engine(kind).create(inputs, step())) };
  };
  try {
    const image = join(lab.root, "life.raw");
    const bytes = Buffer.alloc(3 * 2 ** 20 + 512, "a whole life ");
    await writeFile(image, bytes);
    const pool = await create("StoragePool", { name: "life", path: `${lab.pools}/life`, onDelete: "delete" });
    const network = await create("Network", { name: "life", cidr: "10.88.7.0/24" });
    const disk = await create("Volume", { name: "life", pool: pool.id, source: image, format: "raw" });
    expect((await readFile(`${lab.pools}/life/life`)).equals(bytes)).toBe(true);
    const nic = { network: network.id };
    const words = {
      name: "life",
      firmware: "bios",
      memory: "32MiB",
      maxMemory: "64MiB",
      shutdown: { timeout: 1 },
      disks: [{ volume: disk.outputs["path"] }],
      networks: [nic],
      cloudInit: { userData: "#!/bin/true" },
    };
    const machine = await create("VirtualMachine", words);
    const number = () => lab.virsh("domid", machine.id);
    const born = await number();

    const more = checked("VirtualMachine", { ...words, memory: "48MiB", networks: [nic, nic] });
    const bigger = checked("Volume", { ...disk.inputs, size: "8MiB" });
    await host.engine("VirtualMachine").update(machine.id, machine.inputs, more, step());
    await host.engine("Volume").update(disk.id, disk.inputs, bigger, step());
    expect(await number(), "it went on running").toBe(born);
    const read = await host.engine("VirtualMachine").read(machine.id, more);
    const nics = [{ name: "nic0" }, { name: "nic1" }];
    expect(read).toMatchObject({ inputs: { memory: 48 * 2 ** 20, networks: nics }, outputs: { state: "running" } });
    expect(await host.engine("Volume").read(disk.id, bigger)).toMatchObject({ inputs: { size: 8 * 2 ** 20 } });

    for (const { kind, id, inputs } of [machine, disk, network, pool]) {
      await host.engine(kind).remove(id, inputs, step());
      expect(await host.engine(kind).read(id, inputs), kind).toBeUndefined();
    }
    const left = [
      ["list", "--all"],
      ["net-list", "--all"],
      ["pool-list", "--all"],
    ] as const;
    for (const list of left) expect((await lab.virsh(...list, "--name")).trim(), list[0]).toBe("");
    expect((await lab.exec(["ls", lab.pools])).trim()).toBe("");
  } finally {
    await host.close();
  }
}
