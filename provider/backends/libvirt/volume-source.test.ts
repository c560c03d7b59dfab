import { describe, expect, it } from "vitest";
import { foundFault, sourceFault } from "./volume-source.js";

const MiB = 2 ** 20;

describe("a source", () => {
  it("becomes a volume of its format, of its size or larger", () => {
    const qcow2 = { format: "qcow2", virtualSize: 8 * MiB } as const;
    expect(sourceFault(qcow2, 1 * MiB, { format: "qcow2" })).toBeUndefined();
    expect(sourceFault(qcow2, 1 * MiB, { format: "qcow2", size: 8 * MiB })).toBeUndefined();
    expect(sourceFault({ format: "raw" }, 8 * MiB, { format: "raw", size: 9 * MiB })).toBeUndefined();
    expect(sourceFault({ format: "iso" }, undefined, { format: "raw", size: 1 })).toBeUndefined();
  });

  it("is refused when it is encrypted as a whole", () => {
    const head = Buffer.alloc(4096);
    expect(foundFault({ head, length: 4096 }, { format: "raw" })).toBeUndefined();
    head.write("LUKS\xba\xbe", "latin1");
    expect(foundFault({ head, length: 4096 }, { format: "raw" })).toMatchObject({ property: "source" });
  });

  it("is refused with a remedy otherwise", () => {
    const faults = [
      sourceFault({ format: "qcow2", virtualSize: 8 * MiB }, 1, { format: "qcow2", size: 7 * MiB }),
      sourceFault({ format: "raw" }, 8 * MiB, { format: "raw", size: 7 * MiB }),
      sourceFault({ format: "raw" }, 1, { format: "qcow2" }),
      sourceFault({ format: "vmdk" }, 1, { format: "qcow2" }),
      sourceFault({ format: "xz" }, 1, { format: "raw" }),
      sourceFault({ format: "qcow2", backingFile: "/etc/passwd" }, 1, { format: "qcow2" }),
      sourceFault({ format: "qcow2", externalData: true }, 1, { format: "qcow2" }),
    ];
    expect(faults).toMatchObject([
      { property: "size", hint: "Set size to at least 8MiB." },
      { property: "size", hint: "Set size to at least 8MiB." },
      { property: "format", hint: 'Set format to "raw".' },
      { property: "source", hint: expect.stringContaining("qemu-img convert -O qcow2") },
      { property: "source", fact: expect.stringContaining("compressed") },
      { property: "source", fact: expect.stringContaining("another file") },
      { property: "source", fact: expect.stringContaining("another file") },
    ]);
  });

  it.each(["qcow2", "raw"] as const)("is not empty, as %s", (format) => {
    const fault = foundFault({ head: Buffer.alloc(0), length: 0 }, { format });
    expect(fault).toMatchObject({ property: "source", fact: "the source is empty" });
  });
});
