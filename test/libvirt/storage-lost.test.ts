import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pools, secrets, volumes } from "../../provider/backends/libvirt/rpc/index.js";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { breaking } from "./breaking.js";
import { type Cutter, cutter } from "./storage-cutter.js";
import { compare, declare, MiB, makeImages, silent, type Worker, worker } from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`storage with lost answers${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  let way: Cutter;
  let w: Worker;
  let images: Awaited<ReturnType<typeof makeImages>>;
  beforeAll(async () => {
    host = await startLibvirtd();
    way = await cutter(host.socket, join(host.root, "cut-sock"));
    w = worker(`qemu:///system?socket=${way.socket}`);
    images = await makeImages(join(host.root, "images"));
    await w.pools.create(pool("kept"), silent());
  });
  afterAll(async () => {
    await w?.host.close();
    await way?.close();
    await host?.stop();
  });
  const pool = (name: string, more = {}) => declare("StoragePool", w, { name, path: join(host.pools, name), ...more });
  const vol = (name: string, more: Record<string, unknown>) => declare("Volume", w, { name, pool: "kept", ...more });

  it.each(["define", "build", "create", "setAutostart"] as const)(
    "makes a pool when the answer to %s is lost",
    async (step) => {
      const happened = way.lose(pools[step]);
      const made = await w.pools.create(pool(`made-${step}`), silent());
      await happened;
      expect(made.outputs.active).toBe(true);
      expect(await host.virsh("pool-info", `made-${step}`)).toMatch(/Autostart: +yes/);
    },
  );

  it.each(["destroy", "delete", "undefine"] as const)("removes a pool when the answer to %s is lost", async (step) => {
    const wanted = pool(`gone-${step}`, { onDelete: "delete" });
    const made = await w.pools.create(wanted, silent());
    const happened = way.lose(pools[step]);
    await w.pools.remove(made.id, wanted, silent());
    await happened;
    expect(await host.virsh("pool-list", "--all", "--name")).not.toContain(`gone-${step}`);
    expect(await readdir(host.pools)).not.toContain(`gone-${step}`);
  });

  it("makes, grows and removes a volume when the answers are lost", async () => {
    for (const call of [volumes.create, secrets.define]) {
      const happened = way.lose(call);
      const made = await w.volumes.create(vol("v", { size: "8MiB" }), silent());
      await happened;
      const grown = way.lose(volumes.resize);
      const bigger = await w.volumes.update(made.id, made.inputs, vol("v", { size: "16MiB" }), silent());
      await grown;
      expect(bigger.outputs.size).toBe(16 * MiB);
      const removed = way.lose(call === volumes.create ? volumes.delete : secrets.undefine);
      await w.volumes.remove(made.id, bigger.inputs, silent());
      await removed;
      expect(await readdir(join(host.pools, "kept"))).toEqual([]);
      expect(await host.virsh("secret-list")).not.toContain("kept");
    }
  });

  it.each(["secret.undefine", "volume.delete"])(
    "leaves no mark of a volume whose deletion ended before %s, nor of one that somebody else deleted meanwhile",
    async (procedure) => {
      for (const meanwhile of [false, true]) {
        const made = await w.volumes.create(vol("v", { size: "8MiB" }), silent());
        const mend = breaking(w.host, procedure, "end");
        await expect(w.volumes.remove(made.id, made.inputs, silent())).rejects.toThrow("the process has ended");
        mend();
        expect(await readdir(join(host.pools, "kept"))).toEqual(["v"]);
        if (meanwhile) await host.virsh("vol-delete", "--pool", "kept", "v");
        await w.volumes.remove(made.id, made.inputs, silent());
        expect(await readdir(join(host.pools, "kept"))).toEqual([]);
        expect(await host.virsh("secret-list")).not.toContain("kept");
      }
    },
  );

  it.each(["upload", "createFrom"] as const)("begins anew after the answer to %s was lost", async (step) => {
    const wanted = vol("copy", { source: images.qcow2 });
    const happened = way.lose(volumes[step]);
    await expect(w.volumes.create(wanted, silent())).rejects.toMatchObject({ code: "dropped" });
    await happened;
    // A broken-off upload is taken back at once; what became of a copy is left to the next attempt.
    const left = (await readdir(join(host.pools, "kept"))).some((name) => name.endsWith(".part"));
    expect(left).toBe(step === "createFrom");
    const made = await w.volumes.create(wanted, silent());
    await compare(made.outputs.path, "qcow2", images.raw, "raw");
    expect(await readdir(join(host.pools, "kept"))).toEqual(["copy"]);
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("loses nothing when the daemon dies during an upload", async () => {
    const wanted = vol("dead", { source: images.qcow2 });
    const killing: Promise<void>[] = [];
    const report = (line: string) => {
      if (line.startsWith("uploading")) killing.push(host.kill9());
    };
    await expect(w.volumes.create(wanted, { ...silent(), report })).rejects.toMatchObject({
      code: expect.stringMatching(/dropped|unreachable/),
    });
    await Promise.all(killing);
    await host.restart();
    const made = await w.volumes.create(wanted, silent());
    await compare(made.outputs.path, "qcow2", images.raw, "raw");
    expect(await readdir(join(host.pools, "kept"))).toEqual(["dead"]);
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  describe("while the host publishes what was uploaded", () => {
    const folder = () => join(host.pools, "kept");
    const inside = (command: string) => host.exec(["bash", "-c", command]);
    const go = () => inside("pkill -CONT -x qemu-img; true");
    /** A creation whose copy the host has begun and does not go on with. */
    const frozen = async (wanted: ReturnType<typeof vol>, signal = new AbortController().signal) => {
      let stopped: Promise<unknown> | undefined;
      const stop = `until pkill -STOP -x qemu-img && [ -s ${folder()}/copy ]; do pkill -CONT -x qemu-img; done`;
      const report = (line: string) => {
        if (line.startsWith("publishing")) stopped = inside(stop);
      };
      const creation = w.volumes.create(wanted, { report, signal });
      creation.catch(() => undefined);
      await expect.poll(() => stopped, { timeout: 60_000 }).toBeDefined();
      await stopped;
      expect(await readdir(folder())).toEqual([expect.stringMatching(/^\.copy\..*\.part$/), "copy"]);
      return { creation };
    };
    const whole = async (made: { readonly outputs: { readonly path: string } }) => {
      await compare(made.outputs.path, "qcow2", images.raw, "raw");
      expect(await readdir(folder())).toEqual(["copy"]);
    };

    const lost = { code: expect.stringMatching(/dropped|unreachable/) };

    it("its volume is made anew when the connection is cut", async () => {
      const wanted = vol("copy", { source: images.qcow2 });
      const { creation } = await frozen(wanted);
      way.cut();
      await expect(creation).rejects.toMatchObject(lost);
      const next = w.volumes.create(wanted, silent());
      await go();
      const made = await next;
      await whole(made);
      await w.volumes.remove(made.id, made.inputs, silent());
    });

    it("its volume is made anew when the daemon dies, whatever its copying still does", async () => {
      const wanted = vol("copy", { source: images.qcow2 });
      const { creation } = await frozen(wanted);
      await host.kill9();
      await expect(creation).rejects.toMatchObject(lost);
      await host.restart();
      const made = await w.volumes.create(wanted, silent());
      await go();
      await inside("while pgrep -x qemu-img; do :; done");
      await whole(made);
      await w.volumes.remove(made.id, made.inputs, silent());
    });

    it("its volume becomes whole when the step is cancelled, and nothing is begun after that", async () => {
      const wanted = vol("copy", { source: images.qcow2 });
      const control = new AbortController();
      const { creation } = await frozen(wanted, control.signal);
      control.abort(new Error("enough"));
      await go();
      const made = await creation;
      await whole(made);
      await w.volumes.remove(made.id, made.inputs, silent());
      const early = new AbortController();
      const call = w.host.session.call.bind(w.host.session);
      w.host.session.call = (asked, ...more) => {
        if (asked.name === "volume.resize") early.abort(new Error("enough"));
        return call(asked, ...more);
      };
      const larger = vol("copy", { source: images.qcow2, size: "64MiB" });
      const attempt = w.volumes.create(larger, { ...silent(), signal: early.signal });
      await expect(attempt).rejects.toMatchObject({ code: "failed", fact: "the creation was cancelled" });
      w.host.session.call = call;
      expect(await readdir(folder())).toEqual([]);
      expect(await host.virsh("secret-list")).not.toContain("copy");
    });
  });
});
