import { isProviderError } from "../../core/errors.js";
import { connect, host as hostCalls } from "./rpc/procedures/connect.js";
import type { Session } from "./rpc/session.js";
import { attribute, childrenOf, type Element, elements, find, parseXml, textAt } from "./xml.js";

/** What a virtualisation type of the host offers for new machines. */
export interface Offer {
  readonly emulator: string | undefined;
  /** Most virtual CPUs of one machine. */
  readonly maxCpus: number;
  /** Firmware kinds that firmware='…' finds: `efi`, `bios`. */
  readonly firmware: readonly string[];
  /** Whether firmware with Secure Boot is there. */
  readonly secureBoot: boolean;
  /** TPM emulation is there (swtpm). */
  readonly tpm: boolean;
}

/** What does not change while a host is used: asked once for each process. */
export interface Facts {
  /** libvirt's version, major × 1 000 000 + minor × 1 000 + release. */
  readonly libvirt: number;
  /** Memory of the host, in bytes. */
  readonly memory: number;
  readonly arch: string;
  /** Hardware virtualisation; `undefined` when the host says that it cannot. */
  readonly kvm: Offer | undefined;
  /** Emulation. */
  readonly tcg: Offer | undefined;
}

export async function readFacts(session: Session): Promise<Facts> {
  const [libvirt, info, kvm, tcg] = await Promise.all([
    session.call(connect.libVersion, undefined),
    session.call(hostCalls.info, undefined),
    offer(session, "kvm"),
    offer(session, "qemu"),
  ]);
  return { libvirt, memory: info.memory * 1024, arch: (kvm ?? tcg)?.arch ?? info.model, kvm, tcg };
}

async function offer(session: Session, virtType: string): Promise<(Offer & { readonly arch: string }) | undefined> {
  const asked = { emulator: undefined, arch: undefined, machine: "q35", virtType, flags: 0 };
  try {
    return readOffer(parseXml(await session.call(hostCalls.domainCapabilities, asked), "its capabilities"));
  } catch (error) {
    // "invalid", "unsupported" and "failed" are the daemon's ways of saying that it has no such type.
    if (isProviderError(error, "invalid", "unsupported", "failed")) return undefined;
    throw error;
  }
}

/** More on x86 need an IOMMU with extended interrupts, which libvirt asks for (9.0.0) and our machines do not have. */
const MOST_CPUS = 255;

function readOffer(root: Element): Offer & { readonly arch: string } {
  const os = find(root, "os");
  const loader = find(root, "os/loader");
  const arch = textAt(root, "arch") ?? "x86_64";
  const most = Number(attribute(find(root, "vcpu"), "max") ?? MOST_CPUS);
  return {
    arch,
    emulator: textAt(root, "path"),
    maxCpus: arch === "x86_64" ? Math.min(most, MOST_CPUS) : most,
    firmware: enumerated(os, "firmware"),
    secureBoot: enumerated(loader, "secure").includes("yes"),
    tpm: enumerated(find(root, "devices/tpm"), "backendModel").includes("emulator"),
  };
}

const enumerated = (parent: Element | undefined, name: string): readonly string[] => {
  const list = parent && childrenOf(parent, "enum").find((e) => attribute(e, "name") === name);
  return list ? elements(list).map((e) => e.textContent ?? "") : [];
};
