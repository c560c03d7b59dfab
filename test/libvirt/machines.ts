import { ownFormat } from "../../provider/backends/libvirt/formats.js";
import { uuidOf } from "../../provider/backends/libvirt/identity.js";
import { freeTarget } from "../../provider/backends/libvirt/vm/devices.js";
import type { MachineInputs, Resolved, Virtualisation } from "../../provider/backends/libvirt/vm/types.js";
import { type Element, elements } from "../../provider/backends/libvirt/xml.js";
import { macOf } from "../../provider/backends/macs.js";
import { checkFields } from "../../provider/core/check.js";
import { VirtualMachine } from "../../provider/kinds/virtual-machine.js";
import { hostnameOf } from "../../provider/media/first-boot.js";

/** A declaration in its normal form. @throws with the problems of one that is wrong. */
export function inputsOf(written: Readonly<Record<string, unknown>>): MachineInputs {
  const { value, problems } = checkFields(VirtualMachine.properties, { owner: "p/s", name: "m", ...written });
  const broken = problems.length > 0 ? problems : (VirtualMachine.rules?.(value as never) ?? []);
  if (broken.length > 0) throw new Error(JSON.stringify(broken));
  return value as MachineInputs;
}

/** A machine with everything decided, as a host would have it: managed networks are those whose name begins with `m`. */
export function resolved(inputs: MachineInputs, virtualisation: Virtualisation = "qemu"): Resolved {
  const uuid = uuidOf("VirtualMachine", inputs.owner, inputs.name);
  const taken = new Set<string>();
  const disks = inputs.disks.map(({ name, volume, path, format = "qcow2", bus, readOnly }) => {
    const target = freeTarget(bus, taken);
    taken.add(target);
    return { name, path: volume ?? path ?? "", format: ownFormat(format), bus, readOnly, target };
  });
  const nics = inputs.networks.map((nic, i) => {
    const { name, network, bridge, model, connected } = nic;
    const mac = nic.mac ?? macOf(uuid, name);
    const base = { name, mac, model, connected, spelling: network ?? bridge ?? "" };
    if (network === undefined) return { ...base, source: { bridge: bridge ?? "" } };
    const source = { network, uuid: uuidOf("Network", "p/s", network) };
    if (!network.startsWith("m")) return { ...base, source, address: undefined };
    const address = nic.address ?? `10.0.0.${10 + i}`;
    return { ...base, source, address: { address, prefix: 24, gateway: "10.0.0.1", dns: ["10.0.0.1"] } };
  });
  const volume = `${hostnameOf(inputs.name)}-seed.iso`;
  const seed =
    inputs.cloudInit === undefined
      ? undefined
      : { pool: "default", volume, path: `/pool/${volume}`, digest: "0".repeat(64) };
  return { uuid, inputs, virtualisation, arch: virtualisation === "test" ? "i686" : "x86_64", disks, nics, seed };
}

/** Text that breaks whoever forgets to escape. */
export const HOSTILE = "<a href=\"x\">'&amp;'</a> ]]>\n\t-- größe 漢字 🐧 $HOME %s \\ $1";

/** For each property the values that a table tries, beside being left out. */
export const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  name: ["web-1", "Größe 漢字", "a".repeat(100)],
  description: ["", "plain", HOSTILE],
  tags: [{}, { a: "1" }, { "": HOSTILE, "key with <quotes> \"'": "", __proto: "x" }],
  cpus: [2, 200],
  maxCpus: [240],
  memory: ["16MiB", "3GiB", "1TiB"],
  maxMemory: ["2TiB"],
  firmware: ["uefi", "bios"],
  secureBoot: [true],
  tpm: [true],
  guest: ["debian12", "win2k22", HOSTILE],
  acceleration: ["auto", "none"],
  disks: [
    [],
    [{ volume: "/pool/a.qcow2" }],
    [
      { name: "b", volume: "/pool/ö & <b>'\".raw", format: "raw", bus: "scsi", readOnly: true },
      { name: "a", path: "/dev/mapper/x", format: "raw" },
      { name: "c", volume: "/pool/c", format: "qcow2", bus: "sata" },
      { name: "d", path: "/pool/d.img", format: "raw", bus: "virtio", readOnly: true },
    ],
    Array.from({ length: 30 }, (_, i) => ({ volume: `/pool/${i}` })),
  ],
  cdrom: ["/iso/a & b.iso"],
  networks: [
    [],
    [{ network: "managed" }],
    [
      { name: "z", network: "default", mac: "52:54:00:aa:bb:cc", model: "e1000e", connected: false },
      { name: "a", bridge: "br-ext" },
      { name: "m", network: "mgmt & <x>", address: "10.0.0.200" },
    ],
  ],
  cloudInit: [{ userData: "#cloud-config\n" }],
  powerState: ["running", "stopped", "paused"],
  autostart: [true],
  shutdown: [{ method: "agent", timeout: "2m", onTimeout: "fail" }],
  restartPolicy: ["never"],
  waitForAddress: [{ family: "any" }],
};

/** Numbers that are always the same, 0 to 1 (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const GARBAGE = ["", "-1", "NaN", "1e999", "0x", HOSTILE, "\u00a0", "9".repeat(40), "cdrom", "yes"];

/** Loses, doubles and moves some elements of a document; garbles and loses some of its texts and attributes. */
export function garble(root: Element, roll: () => number): void {
  const all = (element: Element): Element[] => [element, ...elements(element).flatMap(all)];
  const any = <T>(list: readonly T[]): T => list[Math.floor(roll() * list.length)] as T;
  for (let times = 1 + Math.floor(roll() * 6); times > 0; times--) {
    const victim = any(all(root).slice(1));
    if (victim === undefined) return;
    const attributes = Array.from(victim.attributes).filter((a) => !a.name.startsWith("xmlns"));
    const kind = Math.floor(roll() * 6);
    if (kind === 0) victim.parentNode?.removeChild(victim);
    else if (kind === 1) victim.parentNode?.appendChild(victim.cloneNode(true));
    else if (kind === 2) any(all(root)).appendChild(victim.cloneNode(true));
    else if (kind === 3) victim.textContent = any(GARBAGE);
    else if (attributes.length === 0) victim.setAttribute("type", any(GARBAGE));
    else if (kind === 4) victim.setAttribute(any(attributes).name, any(GARBAGE));
    else victim.removeAttribute(any(attributes).name);
  }
}

/** Declarations that are allowed: one for each value alone, and `many` mixed ones. */
export function declarations(many: number): Record<string, unknown>[] {
  const alone = Object.entries(VALUES).flatMap(([key, values]) => values.map((value) => ({ [key]: value })));
  const roll = dice(4);
  const mixed = Array.from({ length: many }, () => {
    const chosen: Record<string, unknown> = {};
    for (const [key, values] of Object.entries(VALUES))
      if (roll() < 0.5) chosen[key] = values[Math.floor(roll() * values.length)];
    return chosen;
  });
  return [...alone, ...mixed].map(consistent);
}

/** Leaves out what the kind's rules would refuse beside the rest. */
function consistent(declared: Record<string, unknown>): Record<string, unknown> {
  const { maxCpus, maxMemory, secureBoot, ...rest } = declared;
  return {
    ...rest,
    ...(maxCpus === undefined ? {} : { maxCpus }),
    ...(maxMemory === undefined ? {} : { maxMemory }),
    ...(secureBoot === true && rest["firmware"] !== "bios" ? { secureBoot } : {}),
  };
}
