import { createHash, randomBytes, randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  Affect,
  BlockResize,
  byField,
  type Chunk,
  type Connection,
  Create,
  connect,
  Define,
  type DomainRef,
  DomainState,
  DomainStats,
  DomainXml,
  domainChange,
  domainGuest,
  domains,
  ErrorCode,
  events,
  host,
  libvirtCode,
  type NetworkRef,
  networks,
  nwfilters,
  type PoolRef,
  pools,
  Session,
  Stream,
  secrets,
  Undefine,
  VolumeInfo,
  volumes,
} from "../../provider/backends/libvirt/rpc/index.js";
import { dial, domainXml, failure, MIB, of, open, suffix, until } from "./libvirtd.js";

/** What needs real files, devices, networks and guests (in QEMU without hardware help). */
export const qemuDriver = (): void => {
  describe("qemu:///system", () => {
    let c: Connection;
    let folder: string;
    let pool: PoolRef;
    let dom: DomainRef;
    let net: NetworkRef | undefined;
    const tap = `cv${suffix}`;
    beforeAll(async () => {
      c = await open("qemu:///system");
      folder = await mkdtemp(join(tmpdir(), "crossvisor-rpc-"));
      await chmod(folder, 0o755);
      const xml = `<pool type='dir'><name>q-${suffix}</name><target><path>${folder}</path></target></pool>`;
      pool = await c.call(pools.define, { xml });
    }, 60_000);
    afterAll(async () => {
      await c?.call(domains.destroy, { dom }).catch(() => {});
      await c?.call(domains.undefine, { dom, flags: Undefine.managedSave }).catch(() => {});
      if (net !== undefined) await c.call(networks.destroy, { net }).catch(() => {});
      await c?.call(pools.destroy, { pool }).catch(() => {});
      await c?.call(pools.undefine, { pool }).catch(() => {});
      await c?.close();
      await rm(folder, { recursive: true, force: true });
    }, 30_000);

    it("tells about the host", async () => {
      const request = { arch: "x86_64", virtType: "qemu" };
      expect(await c.call(host.domainCapabilities, request)).toMatch(/^<domainCapabilities>/);
      const { count } = await c.call(host.memoryStats, { count: 0, cell: -1 });
      const { params } = await c.call(host.memoryStats, { count, cell: -1 });
      expect(params.map(({ field }) => field)).toContain("total");
      expect(await c.call(host.poolCapabilities, {})).toMatch(/^<storagepoolCapabilities>/);
      const cpu = "<cpu><arch>x86_64</arch><model>qemu64</model></cpu>";
      const baseline = host.baselineCpu;
      expect(String(await c.call(baseline, { ...request, cpus: [cpu] }).catch(String))).not.toMatch(/decode/);
      const devices = await c.call(host.devices, {});
      for (const { name } of devices.slice(0, 1)) {
        expect(await c.call(host.deviceByName, { name })).toEqual({ name });
        expect(await c.call(host.deviceXml, { name })).toContain(name);
      }
      await c.call(connect.setIdentity, { params: [{ field: "user-name", type: "string", value: "nobody" }] });
    }, 60_000);

    it("manages pools and volumes", async () => {
      const refreshed: string[] = [];
      const end = await c.on(events.poolRefresh, (event) => refreshed.push(event.pool.name));
      await c.call(pools.build, { pool });
      await c.call(pools.create, { pool });
      await c.call(pools.refresh, { pool });
      await until(() => refreshed.includes(pool.name));
      await end();
      await c.call(pools.setAutostart, { pool, autostart: true });
      expect(await c.call(pools.autostart, { pool })).toBe(true);
      await c.call(pools.setAutostart, { pool, autostart: false });
      expect(await c.call(pools.byName, { name: pool.name })).toEqual(pool);
      expect(await c.call(pools.byUuid, { uuid: pool.uuid })).toEqual(pool);
      expect(await c.call(pools.byTargetPath, { path: folder })).toEqual(pool);
      expect(await c.call(pools.list, {})).toContainEqual(pool);
      expect(await c.call(pools.isActive, { pool })).toBe(true);
      expect(await c.call(pools.isPersistent, { pool })).toBe(true);
      const search = c.call(pools.findSources, { type: "dir", spec: undefined, flags: 0 });
      await expect(search).rejects.toThrow(/source discovery/);
      const info = await c.call(pools.info, { pool });
      expect(info.capacity).toBeGreaterThanOrEqual(info.available);
      expect(await c.call(pools.xml, { pool })).toContain(folder);

      const volume = `<volume><name>a</name><capacity>${MIB}</capacity><allocation>0</allocation></volume>`;
      const vol = await c.call(volumes.create, { pool, xml: volume });
      expect(await failure(c.call(volumes.create, { pool, xml: volume }))).toMatchObject({ code: "exists" });
      expect(await c.call(volumes.byName, { pool, name: "a" })).toEqual(vol);
      expect(await c.call(volumes.byKey, { key: vol.key })).toEqual(vol);
      expect(await c.call(volumes.byPath, { path: join(folder, "a") })).toEqual(vol);
      expect(await c.call(pools.byVolume, { vol })).toEqual(pool);
      expect(await c.call(volumes.path, { vol })).toBe(join(folder, "a"));
      expect(await c.call(volumes.xml, { vol })).toContain("<name>a</name>");
      await c.call(volumes.resize, { vol, capacity: 2 * MIB });
      expect((await c.call(volumes.info, { vol })).capacity).toBe(2 * MIB);
      expect(await c.call(volumes.infoFlags, { vol, flags: VolumeInfo.physical })).toMatchObject({ capacity: 2 * MIB });
      const copy = await c.call(volumes.createFrom, { pool, xml: volume.replace(">a<", ">b<"), source: vol });
      await c.call(volumes.wipe, { vol: copy });
      await c.call(volumes.wipePattern, { vol: copy, algorithm: 0 });
      await c.call(volumes.delete, { vol: copy });
      const other = `<pool type='dir'><name>r-${suffix}</name><target><path>${tmpdir()}</path></target></pool>`;
      const made = await c.call(pools.createXml, { xml: other });
      await c.call(pools.destroy, { pool: made });
    }, 30_000);

    it("uploads and downloads, with holes", async () => {
      const capacity = 64 * MIB;
      const xml = `<volume><name>s</name><capacity>${capacity}</capacity><allocation>0</allocation></volume>`;
      const vol = await c.call(volumes.create, { pool, xml });
      const [head, tail] = [randomBytes(3 * MIB), randomBytes(MIB)];
      const hole = capacity - head.length - tail.length;
      const whole = { vol, offset: 0, length: capacity, flags: Stream.sparse };
      const sent = await c.upload(volumes.upload, whole, of(head, { hole }, tail));
      expect(sent).toEqual({ data: 4 * MIB, holes: hole, total: capacity });
      expect((await c.call(volumes.info, { vol })).allocation).toBeLessThan(5 * MIB);

      const holes: number[] = [];
      const data: Uint8Array[] = [];
      for await (const chunk of c.download(volumes.download, { ...whole, length: 0 })) {
        if (chunk instanceof Uint8Array) data.push(chunk);
        else holes.push(chunk.hole);
      }
      expect(holes.reduce((a, b) => a + b, 0)).toBe(hole);
      expect(Buffer.concat(data).equals(Buffer.concat([head, tail]))).toBe(true);

      const hash = createHash("sha256");
      for await (const chunk of c.download(volumes.download, { vol, offset: 0, length: 0 })) {
        expect(chunk).toBeInstanceOf(Uint8Array);
        if (chunk instanceof Uint8Array) hash.update(chunk);
      }
      expect(hash.digest("hex")).toBe(
        createHash("sha256").update(head).update(Buffer.alloc(hole)).update(tail).digest("hex"),
      );
    }, 60_000);

    it("breaks transfers off and stays usable", async () => {
      const vol = await c.call(volumes.byName, { pool, name: "s" });
      const whole = { vol, offset: 0, length: 0, flags: 0 };
      for await (const chunk of c.download(volumes.download, whole)) if (chunk instanceof Uint8Array) break;
      expect(await c.call(connect.type, undefined)).toBe("QEMU");

      const tooMuch = { ...whole, length: MIB };
      const closed = { source: false };
      async function* endless(): AsyncGenerator<Chunk> {
        try {
          for (;;) yield Buffer.alloc(MIB);
        } finally {
          closed.source = true;
        }
      }
      expect(await failure(c.upload(volumes.upload, tooMuch, endless()))).toMatchObject({ code: "failed" });
      await until(() => closed.source);

      const controller = new AbortController();
      async function* stuck(): AsyncGenerator<Chunk> {
        yield Buffer.alloc(MIB);
        controller.abort(new Error("enough"));
        await new Promise(() => {});
      }
      const cut = c.upload(volumes.upload, whole, stuck(), { signal: controller.signal });
      expect(await failure(cut)).toMatchObject({ code: "failed", fact: "volume.upload was cancelled" });
      const broken = c.upload(volumes.upload, whole, of(Buffer.alloc(9), { hole: 5 }));
      expect(await failure(broken)).toMatchObject({ code: "bug" });
      expect(await c.call(connect.type, undefined)).toBe("QEMU");
    }, 60_000);

    it("defines and starts a domain", async () => {
      net = await c.call(networks.createXml, { xml: `<network><name>t-${suffix}</name></network>` });
      const disk = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${folder}/a'/><target dev='sda' bus='scsi'/></disk>`;
      const devices = `<controller type='scsi' model='virtio-scsi'/>${disk}<video><model type='vga'/></video><graphics type='vnc' listen='127.0.0.1'/>
        <interface type='network'><source network='${net.name}'/><mac address='52:54:00:00:00:01'/><target dev='${tap}'/></interface>
        <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>`;
      dom = await c.call(domains.define, { xml: domainXml(`q-${suffix}`, "qemu", devices), flags: Define.validate });
      await c.call(domains.rename, { dom, newName: `z-${suffix}` });
      dom = await c.call(domains.byUuid, { uuid: dom.uuid });
      expect(dom.name).toBe(`z-${suffix}`);
      dom = await c.call(domains.create, { dom, flags: Create.paused });
      expect((await c.call(domains.state, { dom })).state).toBe(DomainState.paused);
      await c.call(domains.resume, { dom });
      await c.call(domains.suspend, { dom });
      await c.call(domains.reset, { dom });
      await c.call(domains.resume, { dom });
    }, 60_000);

    it("changes devices of a running domain", async () => {
      const heard: string[] = [];
      const ends = [
        await c.on(events.deviceAdded, ({ alias }) => heard.push(`added ${alias}`), dom),
        await c.on(events.deviceRemoved, ({ alias }) => heard.push(`removed ${alias}`), dom),
        await c.on(events.deviceRemovalFailed, ({ alias }) => heard.push(`failed ${alias}`), dom),
      ];
      const vol = await c.call(volumes.byName, { pool, name: "s" });
      const xml = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${vol.key}'/><target dev='sdb' bus='scsi'/><alias name='ua-extra'/></disk>`;
      await c.call(domainChange.attachDevice, { dom, xml, flags: Affect.live });
      await until(() => heard.includes("added ua-extra"));
      // Measured with QEMU 7.2: while the firmware ran, one removal in about seven did not happen.
      await c.call(domains.suspend, { dom });
      await c.call(domainChange.detachDeviceAlias, { dom, alias: "ua-extra", flags: Affect.live });
      await until(() => heard.includes("removed ua-extra"));
      await c.call(domains.resume, { dom });
      await c.call(domainChange.attachDevice, { dom, xml, flags: Affect.live });
      await c.call(domainChange.blockResize, { dom, disk: "sdb", size: 80 * MIB, flags: BlockResize.bytes });
      expect((await c.call(domainChange.blockInfo, { dom, path: "sdb" })).capacity).toBe(80 * MIB);
      expect((await c.call(domainGuest.blockStats, { dom, path: "sdb" })).writeBytes).toBe(0);
      const tune = { dom, disk: "sdb" };
      await c.call(domainChange.setBlockIoTune, {
        ...tune,
        params: [{ field: "total_bytes_sec", type: "ullong", value: 5 * MIB }],
        flags: Affect.live,
      });
      const { count } = await c.call(domainChange.blockIoTune, { ...tune, count: 0, flags: Affect.live });
      const { params } = await c.call(domainChange.blockIoTune, { ...tune, count, flags: Affect.live });
      expect(byField(params)["total_bytes_sec"]).toBe(5 * MIB);
      await c.call(domainChange.detachDevice, { dom, xml, flags: Affect.live });
      for (const end of ends) await end();
      const graphics = "<graphics type='vnc' listen='127.0.0.1' autoport='yes'/>";
      const updated = c.call(domainChange.updateDevice, { dom, xml: graphics, flags: Affect.live });
      expect(String(await updated.catch(String))).not.toMatch(/decode/);
    }, 60_000);

    it("tunes and watches a running domain", async () => {
      await c.call(domainChange.setMemoryStatsPeriod, { dom, period: 2, flags: Affect.live });
      const stats = await c.call(domainGuest.memoryStats, { dom, max: 16 });
      expect(stats.map(({ tag }) => tag)).toContain(6);
      const all = DomainStats.state | DomainStats.cpuTotal | DomainStats.balloon | DomainStats.vcpu | DomainStats.block;
      const [record] = await c.call(domains.allStats, { doms: [dom], stats: all });
      expect(record?.dom).toEqual(dom);
      expect(byField(record?.params ?? [])).toMatchObject({ "state.state": 1, "vcpu.current": 1 });
      await c.call(domainChange.setSchedulerParameters, { dom, params: [], flags: Affect.config }).catch(String);
      await c.call(domainChange.schedulerParameters, { dom, count: 1, flags: Affect.config });
      await c.call(domainChange.setNumaParameters, { dom, params: [], flags: Affect.config }).catch(String);
      await c.call(domainChange.pinVcpu, { dom, vcpu: 0, cpumap: Uint8Array.of(1), flags: Affect.config });
      await c.call(domainChange.pinEmulator, { dom, cpumap: Uint8Array.of(1), flags: Affect.config });
      expect(await c.call(domains.xml, { dom, flags: DomainXml.inactive })).toContain("<emulatorpin cpuset='0'/>");
      await c.call(domainGuest.sendKey, { dom, codeset: 0, holdtime: 0, keycodes: [28] });
      const picture: Uint8Array[] = [];
      for await (const chunk of c.download(domainGuest.screenshot, { dom, screen: 0 })) {
        if (chunk instanceof Uint8Array) picture.push(chunk);
      }
      expect(Buffer.concat(picture).length).toBeGreaterThan(100);
      const answer = await c.call(domainGuest.monitorCommand, { dom, command: '{"execute":"query-status"}' });
      expect(JSON.parse(answer).return.status).toBe("running");
      expect((await c.call(domainGuest.interfaceStats, { dom, device: tap })).rxErrors).toBe(0);
      const limits = { dom, device: tap, flags: Affect.config };
      const average = { field: "inbound.average", type: "uint", value: 1000 } as const;
      await c.call(domainChange.setInterfaceParameters, { ...limits, params: [average] });
      const { count } = await c.call(domainChange.interfaceParameters, { ...limits, count: 0 });
      const read = await c.call(domainChange.interfaceParameters, { ...limits, count });
      expect(read.params).toContainEqual(average);
    }, 60_000);

    it("says what does not exist", async () => {
      const uuid = randomUUID();
      const lookups = [
        c.call(domains.byUuid, { uuid }),
        c.call(domains.byId, { id: 999_999 }),
        c.call(networks.byUuid, { uuid }),
        c.call(pools.byUuid, { uuid }),
        c.call(pools.byTargetPath, { path: "/nowhere" }),
        c.call(volumes.byName, { pool, name: "nothing" }),
        c.call(volumes.byPath, { path: join(folder, "nothing") }),
        c.call(secrets.byUuid, { uuid }),
        c.call(nwfilters.byName, { name: "nothing" }),
        c.call(host.deviceByName, { name: "nothing" }),
      ];
      const codes = await Promise.all(lookups.map(async (one) => (await failure(one)) as { code: string }));
      expect(codes.map(({ code }) => code)).toEqual(lookups.map(() => "not-found"));
      expect(await failure(c.call(domains.define, { xml: "<domain" }))).toMatchObject({ code: "invalid" });
      const unknown = domainXml("x", "qemu").replace("<devices>", "<devices><nonsense/>");
      expect(await failure(c.call(domains.define, { xml: unknown, flags: Define.validate }))).toMatchObject({
        code: "invalid",
      });
      const twin = domainXml(dom.name, "qemu");
      expect(await failure(c.call(domains.define, { xml: twin }))).toMatchObject({ code: "exists" });
    });

    it("reports a guest without agent", async () => {
      const calls = [
        c.call(domainGuest.agentCommand, { dom, command: '{"execute":"guest-ping"}', timeout: 1 }),
        c.call(domainGuest.hostname, { dom, flags: 2 }),
        c.call(domainGuest.guestInfo, { dom, types: 0 }),
        c.call(domainGuest.setUserPassword, { dom, user: "root", password: "x" }),
        c.call(domainGuest.authorizedSshKeys, { dom, user: "root" }),
        c.call(domainGuest.setAuthorizedSshKeys, { dom, user: "root", keys: ["ssh-ed25519 AAAA"] }),
        c.call(domainGuest.time, { dom }),
        c.call(domainGuest.freezeFilesystems, { dom, mountpoints: [] }),
        c.call(domainGuest.thawFilesystems, { dom, mountpoints: [] }),
      ];
      const codes = await Promise.all(calls.map(async (call) => libvirtCode(await failure(call))));
      expect(codes).toEqual(calls.map(() => ErrorCode.agentUnresponsive));
    }, 60_000);

    it("tells the leases of a network", async () => {
      const xml = `<network><name>l-${suffix}</name><ip address='10.97.5.1' netmask='255.255.255.0'><dhcp><range start='10.97.5.2' end='10.97.5.9'/></dhcp></ip></network>`;
      const net = await c.call(networks.createXml, { xml });
      expect(await c.call(networks.leases, { net })).toEqual([]);
      expect(await c.call(networks.leases, { net, mac: "52:54:00:00:00:01" })).toEqual([]);
      await c.call(networks.destroy, { net });
    });

    it("manages secrets and filters", async () => {
      const heard: string[] = [];
      const ends = [
        await c.on(events.secretLifecycle, ({ event }) => heard.push(`lifecycle ${event}`)),
        await c.on(events.secretValueChange, () => heard.push("value")),
      ];
      const id = randomUUID();
      const xml = `<secret ephemeral='no' private='no'><uuid>${id}</uuid><usage type='volume'><volume>${folder}/a</volume></usage></secret>`;
      const secret = await c.call(secrets.define, { xml });
      expect(secret).toEqual({ uuid: id, usageType: 1, usageID: `${folder}/a` });
      await c.call(secrets.setValue, { secret, value: Uint8Array.of(1, 2, 3) });
      expect([...(await c.call(secrets.value, { secret }))]).toEqual([1, 2, 3]);
      expect(await c.call(secrets.byUuid, { uuid: id })).toEqual(secret);
      expect(await c.call(secrets.byUsage, { usageType: 1, usageId: `${folder}/a` })).toEqual(secret);
      expect(await c.call(secrets.list, {})).toContainEqual(secret);
      expect(await c.call(secrets.xml, { secret })).toContain(id);
      await c.call(secrets.undefine, { secret });
      await until(() => heard.length >= 3);
      expect(heard).toEqual(["lifecycle 0", "value", "lifecycle 1"]);
      for (const end of ends) await end();

      const filter = await c.call(nwfilters.define, { xml: `<filter name='f-${suffix}'/>` });
      expect(await c.call(nwfilters.byName, { name: filter.name })).toEqual(filter);
      expect(await c.call(nwfilters.byUuid, { uuid: filter.uuid })).toEqual(filter);
      expect(await c.call(nwfilters.list, {})).toContainEqual(filter);
      const same = await c.call(nwfilters.defineFlags, { xml: await c.call(nwfilters.xml, { filter }), flags: 1 });
      expect(same).toEqual(filter);
      await c.call(nwfilters.undefine, { filter });
    }, 30_000);

    it("answers pings, and is not lost while it is idle", async () => {
      const session = new Session({ uri: "qemu:///system", dial, keepaliveMs: 20, keepaliveCount: 2 });
      await session.call(connect.type, undefined);
      const end = Date.now() + 400;
      await until(() => Date.now() > end);
      await session.call(connect.type, undefined);
      expect(session.counts.get("connect.open")).toBe(1);
      await session.close();
    });
  });
};
