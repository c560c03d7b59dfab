import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { libvirt } from "../../provider/backends/libvirt/index.js";
import type { Engine, OpenHost } from "../../provider/core/engine.js";
import type { Kind } from "../../provider/core/kind.js";
import type { KindName } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";
import type { Ground } from "./entry.js";
import { type Events, listen } from "./events.js";
import { Lab, type Made, make } from "./lab.js";

/** A private libvirt host with objects that declarations can refer to. */
export class LibvirtLab extends Lab {
  private constructor(
    readonly daemon: LibvirtHost,
    host: OpenHost,
    private readonly events: Events,
    private readonly networks: readonly string[],
    private readonly pools: readonly string[],
    private readonly bases: readonly string[],
  ) {
    super(host);
  }

  static async open(): Promise<LibvirtLab> {
    const daemon = await startLibvirtd();
    const host = libvirt.host({ uri: daemon.uri });
    const made = (kind: KindName, words: Words) => make(host, kind, { owner: "matrix/ground", ...words });
    const pools: string[] = [];
    for (const name of ["pool-a", "pool-b", "default"])
      pools.push((await made("StoragePool", { name, path: join(daemon.pools, name) })).id);
    const networks: string[] = [];
    for (const [i, name] of ["net-a", "net-b"].entries())
      networks.push((await made("Network", { name, cidr: CIDRS[i] })).id);
    const bases: string[] = [];
    for (const name of ["base-a", "base-b"])
      bases.push(String((await made("Volume", { name, pool: pools[0], size: "64MiB" })).outputs["path"]));
    for (const bridge of BRIDGES) await daemon.exec(["ip", "link", "add", bridge, "type", "bridge"]);
    for (const name of ["one", "two"]) {
      await writeFile(join(daemon.pools, `${name}.iso`), Buffer.alloc(64 * 1024));
      await daemon.exec(["qemu-img", "create", "-q", "-f", "qcow2", join(daemon.pools, `${name}.qcow2`), "64M"]);
    }
    return new LibvirtLab(daemon, host, await listen(daemon.uri), networks, pools, bases);
  }

  async ground(who: string, disks = true): Promise<Ground> {
    const { pools: folder } = this.daemon;
    const at = (...names: string[]) => names.map((name) => join(folder, name));
    const volumes: string[] = [];
    for (const letter of disks ? ["a", "b", "c", "d"] : []) {
      const words = { owner: "matrix/ground", name: `${who}-${letter}`, pool: this.pools[0], size: "64MiB" };
      volumes.push(String((await make(this.host, "Volume", words)).outputs["path"]));
    }
    const files = at(`${who}-1.file`, `${who}-2.file`);
    for (const file of disks ? files : [])
      await this.daemon.exec(["qemu-img", "create", "-q", "-f", "qcow2", file, "64M"]);
    const sources = at("one.qcow2", "two.qcow2");
    const sha256 = createHash("sha256")
      .update(await readFile(sources[0] ?? ""))
      .digest("hex");
    return {
      volumes,
      files,
      isos: at("one.iso", "two.iso"),
      networks: this.networks,
      cidrs: CIDRS,
      bridges: BRIDGES,
      pools: this.pools,
      sources,
      sha256,
      bases: this.bases,
      folder: (name) => join(folder, name),
    };
  }

  async refreshed<T>(kind: KindName, look: (engine: Engine<Kind, unknown>) => Promise<T>): Promise<T> {
    const other = libvirt.host({ uri: this.daemon.uri });
    try {
      return await look(other.engine(kind));
    } finally {
      await other.close();
    }
  }

  async incarnation(kind: KindName, { id, outputs }: Made): Promise<string | undefined> {
    // The number of a file that is gone is given to the next one, so the time of its birth counts too.
    if (kind === "Volume") {
      const { ino, birthtimeNs } = await stat(String(outputs["path"]), { bigint: true });
      return `${ino} ${birthtimeNs}`;
    }
    const now = await this.refreshed(kind, (engine) => engine.observe(id, {}));
    if (kind === "VirtualMachine") return now?.outputs["instance"]?.toString();
    const bridge = kind === "Network" && now?.outputs["active"] === true ? now.outputs["bridgeDevice"] : undefined;
    return bridge === undefined ? undefined : this.daemon.exec(["cat", `/sys/class/net/${bridge}/ifindex`]);
  }

  tells(kind: KindName): boolean {
    return kind !== "Volume";
  }

  heard(id: string): Promise<readonly string[]> {
    return this.events.heard(id);
  }

  async close(): Promise<void> {
    await this.events.close();
    await this.host.close();
    await this.daemon.stop();
  }
}

const CIDRS = ["10.88.1.0/24", "10.88.2.0/24"];
const BRIDGES = ["br-a", "br-b"];
