import { mkdir, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { libvirt } from "../../provider/backends/libvirt/index.js";
import { network } from "../../provider/backends/libvirt/network.js";
import { storagePool } from "../../provider/backends/libvirt/storage-pool.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { volume } from "../../provider/backends/libvirt/volume.js";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";
import type { Fixture, Words } from "./fixture.js";

export const support: Fixture["support"] = {
  StoragePool: storagePool.support,
  Volume: volume.support,
  Network: network.support,
  VirtualMachine: virtualMachine.support,
};

/** What each driver of a private libvirtd is called, and what its machines are declared with. */
export interface Flavour {
  /** `qemu:///system`, `test:///default`. */
  readonly driver: string;
  readonly words: Fixture["words"];
}

/** A private libvirtd under the contract. */
export async function libvirtFixture({ driver, words }: Flavour): Promise<Fixture> {
  const lab = await startLibvirtd();
  const open = (socket: string) => libvirt.host({ uri: `${driver}?socket=${socket}` });
  const proxies: Server[] = [];
  const through = async (name: string, serve: (client: Socket) => void) => {
    const socket = join(lab.root, `${name}-${proxies.length}.sock`);
    const server = createServer(serve).listen(socket);
    proxies.push(server);
    await new Promise((resolve) => server.once("listening", resolve));
    // Its answers name the host as the real one does, whatever the way to it is.
    return open(socket);
  };
  const cdroms = [join(lab.pools, "one.iso"), join(lab.pools, "two.iso")] as const;
  for (const path of cdroms) await writeFile(path, Buffer.alloc(64 * 1024));
  await mkdir(lab.pools, { recursive: true });
  return {
    host: open(lab.socket),
    support,
    folder: (name) => join(lab.pools, name),
    cidr: (n) => `10.87.${n}.0/24`,
    cdroms: [...cdroms],
    words,
    incarnation: (id) => domainId(lab, driver, id),
    breaking: () => through("breaking", breaking(lab.socket)),
    silent: () => through("silent", (client) => client.destroy()),
    close: async () => {
      for (const server of proxies) server.close();
      await lab.stop();
    },
  };
}

/** The daemon's number of a running domain, asked by virsh: another one after every start. */
async function domainId(lab: LibvirtHost, driver: string, id: string): Promise<string | undefined> {
  const answer = await lab.exec(["virsh", "--connect", driver.replace("test:", "test+unix:"), "domid", id]);
  return answer.trim() === "-" ? undefined : answer.trim();
}

/** Procedures that write: the definitions and creations of every kind. Numbers of the protocol. */
const WRITES = new Set([350, 11, 41, 432, 77, 93, 125, 142]);

/** A way to the daemon that lets the first write through, keeps its answer back, and is closed for ever after. */
function breaking(socket: string): (client: Socket) => void {
  let broken = false;
  return (client) => {
    if (broken) {
      client.destroy();
      return;
    }
    const server = connect(socket);
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const side of [client, server]) side.on("error", end).on("close", end);
    let written: number | undefined;
    client.on(
      "data",
      splitter((frame) => {
        if (frame.readUInt32BE(4) === 0x20008086 && frame.readUInt32BE(16) === 0 && WRITES.has(frame.readInt32BE(12)))
          written ??= frame.readUInt32BE(20);
        server.write(frame);
      }),
    );
    server.on(
      "data",
      splitter((frame) => {
        if (written !== undefined && frame.readUInt32BE(16) === 1 && frame.readUInt32BE(20) === written) {
          broken = true;
          end();
        } else if (!client.destroyed) client.write(frame);
      }),
    );
  };
}

/** Cuts a stream into the protocol's frames. */
function splitter(onFrame: (frame: Buffer) => void): (data: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 4 && rest.length >= rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0);
      onFrame(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  };
}

/** What every libvirt host refuses at preview. */
export const lacking: Readonly<Record<string, string>> = {
  "VirtualMachine > changes dynamicMemory in place": "libvirt moves no memory by itself; refused by name at preview",
  "VirtualMachine > changes networks (vlan) in place":
    "libvirt tags packets on Open vSwitch and newer bridges only; refused by name at preview",
};

/** No guest system answers here: a shutdown is forced after a second. */
export const quickly: Words = { shutdown: { method: "acpi", timeout: 1, onTimeout: "force" } };
