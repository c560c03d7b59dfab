import type { LibvirtHost } from "../hosts/libvirtd.js";
import { type Files, richNetwork, virtInstall } from "./samples.js";

/** Hands a document to a command of virsh (`define`, `net-define`). */
export async function virshWith(host: LibvirtHost, verb: string, xml: string): Promise<string> {
  const script = 'f=$(mktemp) && printf %s "$2" >"$f" && virsh -q "$1" "$f"; s=$?; rm -f "$f"; exit $s';
  return host.exec(["sh", "-c", script, "sh", verb, xml]);
}

/** Fills a private host with a pool, volumes, a network and a machine that others made. */
export async function furnish(host: LibvirtHost): Promise<Files> {
  const pool = `${host.pools}/default`;
  await host.virsh("pool-define-as", "default", "dir", "--target", pool);
  await host.virsh("pool-build", "default");
  await host.virsh("pool-start", "default");
  await host.virsh("pool-autostart", "default");
  await host.virsh("vol-create-as", "default", "base.qcow2", "32M", "--format", "qcow2");
  const under = ["--backing-vol", `${pool}/base.qcow2`, "--backing-vol-format", "qcow2"];
  await host.virsh("vol-create-as", "default", "web.qcow2", "64M", "--format", "qcow2", ...under);
  await host.virsh("vol-create-as", "default", "named.qcow2", "1M", "--format", "qcow2");
  await host.virsh("vol-create-as", "default", "stick.img", "1M", "--format", "raw");
  const data = `${host.pools}/elsewhere.img`;
  await host.exec(["truncate", "-s", "1M", data]);
  const files: Files = { pool, system: `${pool}/web.qcow2`, data };
  await virshWith(host, "net-define", richNetwork(5));
  await host.virsh("net-start", "lan");
  await virshWith(host, "define", virtInstall(files));
  return files;
}

/** What a host says of all that `furnish` made: what was wished of each, not what it does. */
export async function everythingOf(host: LibvirtHost): Promise<Readonly<Record<string, string>>> {
  const said: Record<string, Promise<string>> = {
    machine: host.virsh("dumpxml", "--inactive", "web"),
    network: host.virsh("net-dumpxml", "--inactive", "lan"),
    pool: host.virsh("pool-dumpxml", "default"),
    base: host.virsh("vol-dumpxml", "base.qcow2", "--pool", "default"),
    system: host.virsh("vol-dumpxml", "web.qcow2", "--pool", "default"),
  };
  return Object.fromEntries(await Promise.all(Object.entries(said).map(async ([key, xml]) => [key, await xml])));
}
