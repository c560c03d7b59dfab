import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine, OpenHost } from "../../provider/core/engine.js";
import { PartialFailure } from "../../provider/core/engine.js";
import { ProviderError, placed } from "../../provider/core/errors.js";
import type { Kind } from "../../provider/core/kind.js";
import { openHost } from "../../provider/main-backends.js";
import { type LibvirtdOptions, type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";

const reason = requirements();
const noKvm = reason ?? (existsSync("/dev/kvm") ? undefined : "needs /dev/kvm, usable or not");

interface Lab {
  readonly lab: LibvirtHost;
  readonly engine: Engine<Kind, unknown>;
  end(): Promise<void>;
}

async function start(options: LibvirtdOptions): Promise<Lab> {
  const lab = await startLibvirtd(options);
  const host: OpenHost = await openHost({ uri: lab.uri });
  return {
    lab,
    engine: host.engine("VirtualMachine"),
    end: async () => {
      await host.close();
      await lab.stop();
    },
  };
}

const { signal } = new AbortController();
let number = 0;

/** Makes a machine with the disk, and gives what was said on the way; what it throws is its failure. */
async function make({ engine }: Lab, declared: object): Promise<readonly string[]> {
  const said: string[] = [];
  const written = {
    owner: "p/s",
    name: `m${++number}`,
    memory: "32MiB",
    firmware: "bios",
    shutdown: { timeout: 1 },
    ...declared,
  };
  const { inputs, problems } = engine.check(written);
  expect(problems).toEqual([]);
  const step = { signal, report: (line: string) => void said.push(line) };
  try {
    const { id } = await engine.create(inputs as Parameters<typeof engine.create>[0], step);
    await engine.remove(id, inputs, step);
  } catch (error) {
    if (!(error instanceof PartialFailure)) throw placed(error, {});
    // What was made before the start failed has the disk.
    await engine.remove(error.id, inputs, step);
    throw error.failure;
  }
  return said;
}

const failure = async (lab: Lab, declared: object): Promise<ProviderError> => {
  const error: unknown = await make(lab, declared).catch((e: unknown) => e);
  if (!(error instanceof ProviderError)) throw new Error(`it did not fail: ${error}`);
  return error;
};

describe.skipIf(reason !== undefined)(
  `a disk that QEMU may not use${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let lab: Lab;
    const image = async (folder: string, name: string): Promise<string> => {
      const path = join(folder, name);
      await lab.lab.exec(["qemu-img", "create", "-q", "-f", "raw", path, "1M"]);
      return path;
    };
    const onDisk = (path: string) => ({ acceleration: "none", disks: [{ path, format: "raw" }] });
    beforeAll(async () => {
      lab = await start({ qemuConf: ["dynamic_ownership = 0"] });
    });
    afterAll(() => lab?.end());

    it("for a closed folder further up: the error names the property and the command that shows it", async () => {
      const closed = join(lab.lab.pools, "closed");
      await lab.lab.exec(["sh", "-c", `mkdir -m 0700 ${closed} && mkdir -m 0711 ${closed}/inner`]);
      const path = await image(`${closed}/inner`, "a.raw");
      const error = await failure(lab, onDisk(path));
      expect(error).toMatchObject({ code: "denied", where: { property: "disks[0].path" } });
      expect(error.fact).toContain(path);
      expect(error.hint).toContain(`namei -l ${path}`);
      await lab.lab.exec(["chmod", "o+x", closed]);
      await lab.lab.exec(["chmod", "0666", path]);
      await make(lab, onDisk(path));
    });

    it("for the file's own permissions: the error says so", async () => {
      const path = await image(lab.lab.pools, "own.raw");
      await lab.lab.exec(["chmod", "0600", path]);
      const error = await failure(lab, onDisk(path));
      expect(error).toMatchObject({ code: "denied", where: { property: "disks[0].path" } });
      expect(error.hint).toContain(`namei -l ${path}`);
    });

    it("for a closed folder of a pool: a preview says it, with the command that opens it", async () => {
      const folder = join(lab.lab.pools, "images");
      await lab.lab.exec(["mkdir", "-m", "0700", folder]);
      const path = await image(folder, "a.raw");
      await lab.lab.exec(["chmod", "0666", path]);
      await lab.lab.virsh("pool-create-as", "images", "dir", "--target", folder);
      const declared = { owner: "p/s", name: "preview", ...onDisk(path) };
      const { inputs } = lab.engine.check(declared);
      const [problem, ...others] = await lab.engine.examine(inputs);
      expect(others).toEqual([]);
      expect(problem).toMatchObject({ path: "disks[0].path", reason: expect.stringContaining("mode 0700") });
      const remedy = /chmod o\+x (\S+)$/.exec(problem?.reason ?? "");
      await lab.lab.exec(["chmod", "o+x", remedy?.[1] ?? "nothing"]);
      await lab.lab.virsh("pool-refresh", "images");
      const fresh = await openHost({ uri: lab.lab.uri });
      expect(await fresh.engine("VirtualMachine").examine(inputs)).toEqual([]);
      await fresh.close();
      await make(lab, onDisk(path));
    });
  },
);

describe.skipIf(noKvm !== undefined)(`a machine where /dev/kvm is${noKvm === undefined ? "" : ` (${noKvm})`}`, () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await start({ kvm: true });
  });
  afterAll(() => lab?.end());

  it("is emulated where KVM does not work, and says so; where that is forbidden the error names it", async () => {
    const said = await make(lab, { acceleration: "auto" });
    const broken = said.some((line) => /KVM does not work on this host .*: the guest is emulated/.test(line));
    if (!broken) await make(lab, { acceleration: "required" });
    else
      expect(await failure(lab, { acceleration: "required" })).toMatchObject({
        where: { property: "acceleration" },
        hint: expect.stringContaining("crossvisor doctor"),
      });
  });
});
