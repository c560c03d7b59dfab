import type { Finding } from "../../../core/finding.js";
import type { Offer } from "../facts.js";
import { type Check, findings } from "./check.js";

/** What machines are made of: the architecture, the emulator, UEFI firmware, Secure Boot and TPMs. */
export const machine: Check = {
  topic: "emulator",
  limit: 120,
  run: async ({ host }) => {
    const { arch, kvm, tcg } = await host.facts();
    const offer = kvm ?? tcg;
    if (offer === undefined) return [NO_EMULATOR];
    if (arch !== "x86_64") return [{ ...NO_EMULATOR, found: `the host is ${arch}`, remedy: "Use a host with x86_64." }];
    const found = `${offer.emulator} for ${arch}, machine type q35, up to ${offer.maxCpus} processors`;
    return findings({ topic: "emulator", level: "ok", found }, firmware(offer), secureBoot(offer), tpm(offer));
  },
};

const NO_EMULATOR: Finding = {
  topic: "emulator",
  level: "problem",
  found: "there is no QEMU for x86_64 with the machine type q35",
  means: "No machine can be made: they are made for x86_64.",
  remedy: "Install QEMU for x86 on the host: qemu-system-x86 on Debian and Ubuntu, qemu-kvm on Fedora and RHEL.",
};

const OVMF =
  "Install the UEFI firmware for guests (ovmf on Debian and Ubuntu, edk2-ovmf on Fedora and RHEL), and restart libvirt.";

/** Whether there is any firmware for `firmware: "uefi"`. */
export function firmware(offer: Offer): Finding {
  if (offer.firmware.includes("efi")) return { topic: "firmware", level: "ok", found: "UEFI firmware for guests" };
  const means = 'Machines cannot start with firmware "uefi", which is the default.';
  return { topic: "firmware", level: "problem", found: "there is no UEFI firmware for guests", means, remedy: OVMF };
}

/** Whether one has Secure Boot. Nothing to say of it where there is no UEFI at all. */
export function secureBoot(offer: Offer): Finding | undefined {
  if (!offer.firmware.includes("efi")) return undefined;
  if (offer.secureBoot) return { topic: "secure boot", level: "ok", found: "firmware with Secure Boot" };
  const found = "the UEFI firmware has no variant with Secure Boot";
  return { topic: "secure boot", level: "warning", found, means: "secureBoot cannot be true.", remedy: OVMF };
}

/** Whether there is an emulator for `tpm`. */
export function tpm(offer: Offer): Finding {
  if (offer.tpm) return { topic: "tpm", level: "ok", found: "swtpm, which emulates a TPM" };
  return {
    topic: "tpm",
    level: "warning",
    found: "there is no TPM emulator",
    means: "tpm cannot be true.",
    remedy: "Install swtpm and swtpm-tools on the host and restart libvirt.",
  };
}
