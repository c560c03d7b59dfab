import { attribute, attributeAt, childrenAt, type Element } from "../xml.js";
import { sourceOf } from "./located.js";
import type { Notes } from "./notes.js";
import type { DeclaredDisk, DeclaredNic } from "./types.js";

export const disksOf = (domain: Element): Element[] => childrenAt(domain, "devices", "disk");
export const nicsOf = (domain: Element): Element[] => childrenAt(domain, "devices", "interface");
export const macOf = (nic: Element): string => attributeAt(nic, "mac", "address")?.toLowerCase() ?? "";
export const targetOf = (disk: Element): string => attributeAt(disk, "target", "dev") ?? "";
export const diskAt = (domain: Element, target: string): Element | undefined =>
  disksOf(domain).find((d) => attributeAt(d, "target", "dev") === target);
export const nicAt = (domain: Element, mac: string): Element | undefined =>
  nicsOf(domain).find((n) => attributeAt(n, "mac", "address")?.toLowerCase() === mac);

const BUSES: ReadonlySet<string> = new Set<DeclaredDisk["bus"]>(["virtio", "scsi", "sata"]);
const FORMATS: ReadonlySet<string> = new Set<NonNullable<DeclaredDisk["format"]>>(["qcow2", "raw"]);
const MODELS: ReadonlySet<string> = new Set<DeclaredNic["model"]>(["virtio", "e1000e"]);

/**
 * The disks that a declaration speaks of: those that it could have made, and those that it or our notes name. Others that
 * an adopted machine has (on IDE, from a remote store, in another format) are left alone.
 */
export const ourDisks = (
  domain: Element,
  notes: Notes | undefined,
  declared: readonly DeclaredDisk[] | undefined,
): Element[] =>
  disksOf(domain).filter((disk) => {
    if ((attribute(disk, "device") ?? "disk") !== "disk") return false;
    if (notes?.disks.some(({ target }) => target === targetOf(disk))) return true;
    const source = sourceOf(disk);
    if (source === undefined) return false;
    const plain =
      BUSES.has(attributeAt(disk, "target", "bus") ?? "virtio") &&
      FORMATS.has(attributeAt(disk, "driver", "type") ?? "raw");
    return plain || (declared?.some((d) => (d.volume ?? d.path) === source) ?? false);
  });

/**
 * The interfaces that a declaration speaks of, as with disks; others (user mode, direct, another model) are left alone.
 * On a machine without our notes a declared interface without a MAC may mean any of them.
 */
export const ourNics = (
  domain: Element,
  notes: Notes | undefined,
  declared: readonly DeclaredNic[] | undefined,
): Element[] =>
  nicsOf(domain).filter((nic) => {
    if (!["network", "bridge"].includes(attribute(nic, "type") ?? "")) return false;
    const mac = macOf(nic);
    // Two that work together as one (teaming) share a MAC: the first of them can be told by it.
    if (nicAt(domain, mac) !== nic) return false;
    if (MODELS.has(attributeAt(nic, "model", "type") ?? "virtio")) return true;
    if (notes?.nics.some((n) => n.mac === mac)) return true;
    return declared?.some((n) => n.mac === mac || (notes === undefined && n.mac === undefined)) ?? false;
  });
