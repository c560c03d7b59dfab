import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { Duplex } from "node:stream";
import { openHost } from "../../provider/backends/hyperv/host.js";
import { drivers, hyperv, hypervOver } from "../../provider/backends/hyperv/index.js";
import { type HypervHost, openHypervHost } from "../hosts/hyperv/host.js";
import type { Fixture } from "./fixture.js";

const CDROMS = ["C:\\Images\\one.iso", "C:\\Images\\two.iso"] as const;

/** A simulated Hyper-V host under the contract. */
export async function hypervFixture(): Promise<Fixture> {
  const lab = await openHypervHost({ features: ["DHCP"] });
  const { user, address, port, privateKey, knownHosts } = lab;
  const settings = { uri: `hyperv+ssh://${user}@${address}:${port}`, privateKey, knownHosts, sshConfig: "none" };
  const host = hyperv.host(settings);
  for (const path of CDROMS) {
    await mkdir(dirname(lab.path(path)), { recursive: true });
    await writeFile(lab.path(path), Buffer.alloc(64 * 1024));
  }
  const { StoragePool, Volume, Network, VirtualMachine } = drivers;
  return {
    host,
    support: {
      StoragePool: StoragePool.support,
      Volume: Volume.support,
      Network: Network.support,
      VirtualMachine: VirtualMachine.support,
    },
    folder: (name) => `C:\\Pools\\${name}`,
    cidr: (n) => `10.87.${n}.0/24`,
    cdroms: CDROMS,
    words: {},
    incarnation: async (id) => {
      const now = await host.engine("VirtualMachine").observe(id, {});
      return now?.outputs["state"] === "stopped" ? undefined : starts(lab);
    },
    breaking: async () => {
      const through = breaking();
      return hypervOver((given) => openHost(given, { through })).host(settings);
    },
    silent: async () => hyperv.host({ ...settings, uri: `hyperv+ssh://${user}@${address}:${await closedPort()}` }),
    close: async () => {
      await host.close();
      await lab.close();
    },
  };
}

/** How often machines of the host were started, by its journal. */
const starts = async (lab: HypervHost): Promise<number> =>
  (await lab.journal()).filter(({ command, result }) => command === "Start-VM" && result === "ok").length;

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** The requests that make the objects of each kind. */
const WRITES = /"name":"(vm\.create|switch\.create|vhd\.create|pool\.create)"/;

/** Ways to agents that let the first creation through, keep its answer back, and are closed for ever after. */
function breaking(): (stream: Duplex) => Duplex {
  let broken = false;
  return (stream) => {
    let written: string | undefined;
    const end = () => {
      stream.destroy();
      way.destroy();
    };
    const way = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        const line = chunk.toString("latin1");
        if (WRITES.test(line)) written ??= /"id":(\d+)/.exec(line)?.[1];
        stream.write(chunk, done);
      },
    });
    stream.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      if (written !== undefined && new RegExp(`"id":${written}[,}]`).test(text) && !text.includes('"progress"')) {
        broken = true;
        end();
      } else if (!way.destroyed) way.push(chunk);
    });
    stream.on("error", () => undefined).once("close", () => way.destroy());
    way.on("error", () => undefined).once("close", () => stream.destroy());
    if (broken) end();
    return way;
  };
}
