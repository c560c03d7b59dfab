import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { openHost } from "../../provider/backends/hyperv/host.js";
import { drivers, hyperv } from "../../provider/backends/hyperv/index.js";
import { createDisk } from "../../provider/backends/hyperv/requests/disk.js";
import { hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import { Memo } from "../../provider/backends/memo.js";
import { Engine } from "../../provider/core/engine.js";
import type { Kind } from "../../provider/core/kind.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { type HypervHost, type JournalEntry, openHypervHost } from "../hosts/hyperv/host.js";
import type { Ground } from "./entry.js";
import { Lab, type Made, make } from "./lab.js";

const MIB = 2 ** 20;
const CIDRS = ["10.88.1.0/24", "10.88.2.0/24"];
const SWITCHES = ["br-a", "br-b"];
const ISOS = ["C:\\Images\\one.iso", "C:\\Images\\two.iso"];

/** What commands of the host do to an object, in the words of the matrix. */
const WORDS: Readonly<Record<string, string>> = {
  "New-VM": "defined",
  "Remove-VM": "undefined",
  "Start-VM": "started",
  "Stop-VM": "stopped",
  "Suspend-VM": "suspended",
  "Resume-VM": "resumed",
  "New-VMSwitch": "defined",
  "Remove-VMSwitch": "undefined",
};

/** A simulated Hyper-V host with objects that declarations can refer to. One change at a time: its journal is the witness. */
export class HypervLab extends Lab {
  private readonly memo = new Memo();
  private known = 0;

  private constructor(
    readonly simulated: HypervHost,
    private readonly reader: ReturnType<typeof openHost>,
    private readonly shared: Pick<Ground, "networks" | "pools" | "bases" | "sources" | "sha256">,
  ) {
    super(hyperv.host(settings(simulated)));
  }

  static async open(): Promise<HypervLab> {
    const simulated = await openHypervHost({ adapters: ["Ethernet", "Ethernet 2"], features: ["DHCP"] });
    const host = hyperv.host(settings(simulated));
    try {
      const made = (kind: KindName, words: Words) => make(host, kind, { owner: "matrix/ground", ...words });
      const pools: string[] = [];
      for (const name of ["pool-a", "pool-b"])
        pools.push((await made("StoragePool", { name, path: `C:\\${name}` })).id);
      const networks: string[] = [];
      for (const [i, name] of ["net-a", "net-b"].entries())
        networks.push((await made("Network", { name, cidr: CIDRS[i] })).id);
      for (const name of SWITCHES) await made("Network", { name, mode: "private" });
      const bases: string[] = [];
      for (const name of ["base-a", "base-b"])
        bases.push(String((await made("Volume", { name, pool: pools[0], size: "64MiB" })).outputs["path"]));
      await mkdir(dirname(simulated.path(ISOS[0] ?? "")), { recursive: true });
      for (const path of ISOS) await writeFile(simulated.path(path), Buffer.alloc(64 * 1024));
      const sources = ["one", "two"].map((name) => `${simulated.root}/${name}.qcow2`);
      for (const path of sources) execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "64M"]);
      const sha256 = createHash("sha256")
        .update(await readFile(sources[0] ?? ""))
        .digest("hex");
      const reader = openHost(settings(simulated));
      return new HypervLab(simulated, reader, { networks, pools, bases, sources, sha256 });
    } catch (error) {
      await simulated.close();
      throw error;
    } finally {
      await host.close();
    }
  }

  async ground(who: string, disks = true): Promise<Ground> {
    const volumes: string[] = [];
    for (const letter of disks ? ["a", "b", "c", "d"] : []) {
      const words = { owner: "matrix/ground", name: `${who}-${letter}`, pool: this.shared.pools[0], size: "64MiB" };
      volumes.push(String((await make(this.host, "Volume", words)).outputs["path"]));
    }
    const files = [1, 2].map((number) => `C:\\Files\\${who}-${number}.vhdx`);
    for (const path of disks ? files : [])
      await createDisk(this.reader.agent, { path, type: "Dynamic", size: 64 * MIB, blockSize: MIB });
    return {
      ...this.shared,
      volumes,
      files,
      isos: ISOS,
      cidrs: CIDRS,
      bridges: SWITCHES,
      folder: (name) => `C:\\Folders\\${name}`,
    };
  }

  /** On a connection that stays, since it takes seconds to make one, and with nothing kept of an earlier look. */
  async refreshed<T>(kind: KindName, look: (engine: Engine<Kind, unknown>) => Promise<T>): Promise<T> {
    this.memo.forget();
    const view = () => this.memo.share("view", () => hostInventory(this.reader.agent));
    const connection = { ...this.reader, fresh: true, view };
    const host = { name: this.host.identity, connection };
    return look(new Engine(kinds[kind] as Kind, drivers[kind] as never, host) as Engine<Kind, unknown>);
  }

  async incarnation(kind: KindName, { id, outputs }: Made): Promise<string | undefined> {
    if (kind === "StoragePool") return undefined;
    if (kind === "Network") return id;
    if (kind === "Volume") {
      const { ino, birthtimeNs } = await stat(this.simulated.path(String(outputs["path"])), { bigint: true });
      return `${ino} ${birthtimeNs}`;
    }
    if (outputs["state"] === "stopped") return undefined;
    const starts = (await this.done()).filter(({ command }) => command === "Start-VM");
    return `${id} ${starts.length}`;
  }

  tells(kind: KindName): boolean {
    return kind === "VirtualMachine" || kind === "Network";
  }

  async heard(): Promise<readonly string[]> {
    const done = await this.done();
    const more = done.slice(this.known);
    this.known = done.length;
    return more.flatMap(({ command }) => WORDS[command] ?? []);
  }

  /** All commands that did what they were asked. */
  private async done(): Promise<readonly JournalEntry[]> {
    return (await this.simulated.journal()).filter(({ result }) => result === "ok");
  }

  async close(): Promise<void> {
    await this.host.close();
    await this.reader.close();
    await this.simulated.close();
  }
}

const settings = ({ user, address, port, privateKey, knownHosts }: HypervHost) => ({
  uri: `hyperv+ssh://${user}@${address}:${port}`,
  privateKey,
  knownHosts,
  sshClient: "built-in",
  sshConfig: "none",
});
