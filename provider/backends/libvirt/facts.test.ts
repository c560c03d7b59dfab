import { describe, expect, it } from "vitest";
import { type Code, ProviderError } from "../../core/errors.js";
import { readFacts } from "./facts.js";
import type { Session } from "./rpc/session.js";

/** As libvirt 9.0.0 with QEMU 7.2, OVMF and swtpm answers, without what nobody reads. */
const RECORDED = `<domainCapabilities>
  <path>/usr/bin/qemu-system-x86_64</path><domain>qemu</domain><machine>pc-q35-7.2</machine><arch>x86_64</arch>
  <vcpu max='288'/><iothreads supported='yes'/>
  <os supported='yes'>
    <enum name='firmware'><value>efi</value></enum>
    <loader supported='yes'>
      <value>/usr/share/OVMF/OVMF_CODE_4M.ms.fd</value><value>/usr/share/OVMF/OVMF_CODE_4M.fd</value>
      <enum name='type'><value>rom</value><value>pflash</value></enum>
      <enum name='readonly'><value>yes</value><value>no</value></enum>
      <enum name='secure'><value>yes</value><value>no</value></enum>
    </loader>
  </os>
  <devices>
    <disk supported='yes'><enum name='bus'><value>virtio</value></enum></disk>
    <tpm supported='yes'>
      <enum name='model'><value>tpm-tis</value><value>tpm-crb</value></enum>
      <enum name='backendModel'><value>passthrough</value><value>emulator</value></enum>
    </tpm>
  </devices>
</domainCapabilities>`;
/** An older host: no OVMF, no swtpm; a <tpm> that is not supported. */
const BARE = `<domainCapabilities><path>/usr/bin/qemu-kvm</path><domain>kvm</domain><arch>x86_64</arch><vcpu max='16'/>
  <os supported='yes'><enum name='firmware'/><loader supported='yes'><enum name='secure'><value>no</value></enum></loader></os>
  <devices><tpm supported='no'/></devices></domainCapabilities>`;

/** The answers of a host, by virtualisation type: a document or the code of a refusal. */
const host = (answers: { readonly kvm: string; readonly qemu: string }): Session =>
  ({
    call: async ({ name }: { readonly name: string }, args: { readonly virtType: "kvm" | "qemu" }) => {
      if (name === "connect.libVersion") return 9_000_000;
      if (name === "host.info") return { memory: 1024, model: "aarch64" };
      const answer = answers[args.virtType];
      if (answer.startsWith("<")) return answer;
      throw new ProviderError(answer as Code, "so it is");
    },
  }) as unknown as Session;

describe("facts of a host", () => {
  it("are read from its capabilities", async () => {
    expect(await readFacts(host({ kvm: BARE, qemu: RECORDED }))).toEqual({
      libvirt: 9_000_000,
      memory: 2 ** 20,
      arch: "x86_64",
      kvm: { arch: "x86_64", emulator: "/usr/bin/qemu-kvm", maxCpus: 16, firmware: [], secureBoot: false, tpm: false },
      tcg: {
        arch: "x86_64",
        emulator: "/usr/bin/qemu-system-x86_64",
        // Of the 288 that the machine type offers, those that it has without an IOMMU.
        maxCpus: 255,
        firmware: ["efi"],
        secureBoot: true,
        tpm: true,
      },
    });
  });

  it.each(["invalid", "unsupported", "failed"])(
    "take the refusal %s for a host without that virtualisation",
    async (code) => {
      const facts = await readFacts(host({ kvm: code, qemu: RECORDED }));
      expect(facts.kvm).toBeUndefined();
      expect(facts.tcg).toBeDefined();
      expect(await readFacts(host({ kvm: code, qemu: code }))).toMatchObject({ arch: "aarch64", tcg: undefined });
    },
  );

  it.each(["unreachable", "dropped", "timeout", "denied"])(
    "are not known when the host does not answer: %s",
    async (code) => {
      await expect(readFacts(host({ kvm: RECORDED, qemu: code }))).rejects.toMatchObject({ code });
    },
  );

  it("take nothing for granted that is not said", async () => {
    const { kvm } = await readFacts(host({ kvm: "<domainCapabilities/>", qemu: RECORDED }));
    expect(kvm).toMatchObject({ maxCpus: 255, firmware: [], secureBoot: false, tpm: false, emulator: undefined });
  });
});
