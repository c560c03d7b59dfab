import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LibvirtHost, startLibvirtd } from "./libvirtd.js";
import { hasProgram, requirements } from "./requirements.js";

/** The daemons that libvirt is split into, as far as a host with QEMU needs them; virtproxyd listens where libvirtd would. */
const DAEMONS = [
  "virtsecretd",
  "virtnodedevd",
  "virtnwfilterd",
  "virtnetworkd",
  "virtstoraged",
  "virtqemud",
  "virtproxyd",
] as const;

/** Why a host of modular daemons cannot stand here; undefined when it can. */
export const modularMissing = (): string | undefined => {
  const lacks = DAEMONS.filter((name) => !hasProgram(name));
  return requirements() ?? (lacks.length === 0 ? undefined : `needs ${lacks.join(", ")}, which Debian 12 has not`);
};

/** A private host without libvirtd: its daemons run beside each other, and `uri` and `socket` are those of virtqemud. */
export async function startModular(): Promise<
  LibvirtHost & { daemon(name: string, verb: "start" | "stop"): Promise<void> }
> {
  const host = await startLibvirtd();
  const socket = join(host.root, "run/virtqemud-sock");
  const daemon = async (name: string, verb: "start" | "stop") => {
    const pidFile = `/run/libvirt/${name}.pid`;
    if (verb === "start") await host.exec([name, "-d", "-f", `/etc/libvirt/${name}.conf`, "-p", pidFile]);
    else await host.exec(["sh", "-c", `kill $(cat ${pidFile}) && while [ -e ${pidFile} ]; do sleep 0.1; done`]);
  };
  try {
    await daemon("libvirtd", "stop");
    for (const name of DAEMONS) {
      await writeFile(join(host.root, `etc/${name}.conf`), 'auth_unix_ro = "none"\nauth_unix_rw = "none"\n');
      await daemon(name, "start");
    }
    await host.ready();
  } catch (error) {
    await host.stop();
    throw error;
  }
  return { ...host, socket, uri: `qemu:///system?socket=${socket}`, daemon };
}
