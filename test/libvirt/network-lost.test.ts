import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { allot } from "../../provider/backends/libvirt/allotment.js";
import { networks } from "../../provider/backends/libvirt/rpc/procedures/network.js";
import { PartialFailure } from "../../provider/core/engine.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { breaking } from "./breaking.js";
import { type Side, side } from "./network-fixtures.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`networks over a bad line${reason === undefined ? "" : ` (${reason})`}`, () => {
  let daemon: LibvirtHost;
  let s: Side;
  const written = { name: "n", cidr: "10.1.0.0/24" };
  const step = { report: () => undefined, signal: new AbortController().signal };
  beforeAll(async () => {
    daemon = await startLibvirtd();
    s = side(daemon.uri);
  });
  afterEach(async () => {
    const read = await s.host.session.call(networks.list, { flags: 0 });
    for (const { uuid } of read) await s.remove(uuid, s.declare(written));
  });
  afterAll(async () => {
    await s?.host.close();
    await daemon?.stop();
  });

  it.each(["network.defineFlags", "network.create", "network.setAutostart"])(
    "are made although the answer of %s is lost",
    async (procedure) => {
      const mend = breaking(s.host, procedure, "answer");
      const { outputs } = await s.create(s.declare(written));
      mend();
      expect(outputs.active).toBe(true);
      expect(await daemon.virsh("net-list", "--autostart", "--name")).toContain("n");
    },
  );

  it.each([
    [true, "network.create", 1],
    [true, "network.setAutostart", 1],
    [false, "network.create", 1],
    [false, "network.setAutostart", 2],
  ])(
    "with autostart %s are finished by an update when the creation ended before %s (%i)",
    async (autostart, procedure, nth) => {
      const wanted = s.declare({ ...written, autostart });
      const mend = breaking(s.host, procedure, "end", nth);
      const error: unknown = await s.create(wanted).catch((e: unknown) => e);
      mend();
      // The host had it, so its id is kept and the face goes on with an update.
      expect(error).toBeInstanceOf(PartialFailure);
      const { id } = error as PartialFailure;
      await s.engine.update(id, wanted, wanted, step);
      expect(await daemon.virsh("net-info", "n")).toMatch(autostart ? /Autostart: +yes/ : /Autostart: +no/);
      expect((await s.engine.read(id, wanted))?.outputs.active).toBe(true);
    },
  );

  it.each(["network.destroy", "network.create", "network.defineFlags"])(
    "are changed although the answer of %s is lost",
    async (procedure) => {
      const { id } = await s.create(s.declare(written));
      const mend = breaking(s.host, procedure, "answer");
      const effect = await s.change(id, s.declare(written), s.declare({ ...written, mtu: 1300 }));
      mend();
      expect(effect).toBe("restart");
      expect(await daemon.exec(["cat", "/sys/class/net/virbr0/mtu"])).toBe("1300\n");
    },
  );

  it.each([
    ["network.destroy", 1],
    ["network.create", 1],
    ["network.defineFlags", 2],
  ])("show a restart that broke off before %s (%i), and the next update ends it", async (procedure, nth) => {
    const wanted = s.declare(written);
    const next = s.declare({ ...written, mtu: 1300, dns: { domain: "x.test" } });
    const { id } = await s.create(wanted);
    const mend = breaking(s.host, procedure, "end", nth);
    await expect(s.engine.update(id, wanted, next, step)).rejects.toThrow("the process has ended");
    mend();
    const seen = await s.engine.read(id, next);
    expect(seen?.inputs).not.toHaveProperty("mtu");
    await s.change(id, next, next);
    expect((await s.engine.read(id, next))?.inputs.mtu).toBe(1300);
    expect(await daemon.exec(["cat", "/sys/class/net/virbr0/mtu"])).toBe("1300\n");
  });

  it("keep an allotment whose answer is lost, once", async () => {
    const { id } = await s.create(s.declare(written));
    const mend = breaking(s.host, "network.update", "answer");
    const { address } = await allot(s.host, id, { mac: "52:54:00:00:00:01", name: "a" });
    mend();
    expect((await daemon.virsh("net-dumpxml", "n")).match(/<host mac/g)).toHaveLength(1);
    expect((await allot(s.host, id, { mac: "52:54:00:00:00:01", name: "a" })).address).toBe(address);
  });
});
