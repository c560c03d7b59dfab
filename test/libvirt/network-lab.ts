import { afterAll, afterEach, beforeAll } from "vitest";
import { events } from "../../provider/backends/libvirt/rpc/procedures/event.js";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";
import { type Side, side } from "./network-fixtures.js";

/** A private host for all tests of a `describe`; each test's networks and guests are removed after it. */
export function useNetworkLab() {
  const lab = {} as { daemon: LibvirtHost; s: Side };
  const made: { id: string; wanted: ReturnType<Side["declare"]> }[] = [];
  beforeAll(async () => {
    lab.daemon = await startLibvirtd();
    lab.s = side(lab.daemon.uri);
  });
  afterEach(async () => {
    const machines = "for d in $(virsh list --name --all); do virsh destroy $d; virsh undefine $d; done";
    await lab.daemon.exec(["sh", "-c", machines]).catch(() => undefined);
    for (const { id, wanted } of made.splice(0)) await lab.s.remove(id, wanted);
  });
  afterAll(async () => {
    await lab.s?.host.close();
    await lab.daemon?.stop();
  });

  const exec = (...command: string[]) => lab.daemon.exec(command);
  /** `define` and `net-define` from text instead of from a file. */
  const define = async (verb: "define" | "net-define", xml: string) => {
    const script = 'f=$(mktemp) && printf %s "$2" >"$f" && virsh "$1" "$f"; s=$?; rm -f "$f"; exit $s';
    await exec("sh", "-c", script, "sh", verb, xml);
  };
  return {
    lab,
    made,
    define,
    create: async (written: Readonly<Record<string, unknown>>) => {
      const wanted = lab.s.declare(written);
      const kept = await lab.s.create(wanted);
      made.push({ id: kept.id, wanted });
      return { id: kept.id, wanted, kept };
    },
    /** Process id of a network's DHCP server. */
    dnsmasq: async (name: string) => (await exec("cat", `/run/libvirt/network/${name}.pid`)).trim(),
    /** The devices on a bridge. */
    ports: async (bridge: string) => (await exec("ls", `/sys/class/net/${bridge}/brif`)).trim(),
    /** Starts a machine without a disk on a network. */
    guest: async (network: string) => {
      await define(
        "define",
        `<domain type='qemu'><name>guest</name><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>
        <devices><interface type='network'><mac address='52:54:00:00:01:01'/><source network='${network}'/><model type='virtio'/></interface></devices></domain>`,
      );
      await lab.daemon.virsh("start", "guest");
    },
    /** Starts of networks while `act` runs. */
    restartsDuring: async (act: () => Promise<unknown>) => {
      const seen: number[] = [];
      const off = await lab.s.host.session.on(events.networkLifecycle, ({ event }) => seen.push(event));
      await act();
      await off();
      return seen.filter((e) => e === 2).length;
    },
  };
}
