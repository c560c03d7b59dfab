import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AddressSource,
  Affect,
  type Connection,
  connect,
  Define,
  type DomainRef,
  DomainState,
  DomainXml,
  domainChange,
  domainGuest,
  domainRef,
  domains,
  ErrorCode,
  events,
  host,
  isUnknownProcedure,
  libvirtCode,
  MetadataType,
  NetworkSection,
  NetworkUpdate,
  networks,
  pools,
  Undefine,
  volumes,
} from "../../provider/backends/libvirt/rpc/index.js";
import { domainXml, failure, open, suffix, until } from "./libvirtd.js";

/** What can be checked against the test driver, which needs no QEMU and has no side effects. */
export const testDriver = (): void => {
  describe("test:///default", () => {
    let c: Connection;
    let dom: DomainRef;
    beforeAll(async () => {
      c = await open("test:///default");
      dom = await c.call(domains.define, { xml: domainXml(`d-${suffix}`, "test"), flags: Define.validate });
    });
    afterAll(() => c.close());

    it("tells about the connection and the host", async () => {
      expect(await c.call(connect.type, undefined)).toBe("TEST");
      expect(await c.call(connect.uri, undefined)).toBe("test:///default");
      expect(await c.call(connect.hostname, undefined)).not.toBe("");
      expect(await c.call(connect.version, undefined)).toBeGreaterThan(0);
      expect(await c.call(connect.libVersion, undefined)).toBeGreaterThanOrEqual(9_000_000);
      expect(await c.call(connect.maxVcpus, { type: "test" })).toBe(32);
      expect(await c.call(host.capabilities, undefined)).toMatch(/^<capabilities>/);
      expect(await c.call(host.info, undefined)).toMatchObject({
        model: "i686",
        memory: 3_145_728,
        cpus: 16,
        nodes: 2,
      });
      expect(await c.call(host.freeMemory, undefined)).toBeGreaterThan(0);
      expect(await c.call(host.cpuModels, { arch: "x86_64" })).toContain("qemu64");
    });

    it("finds, describes and lists domains", async () => {
      expect(dom.name).toBe(`d-${suffix}`);
      expect(await c.call(domains.byName, { name: dom.name })).toEqual(dom);
      expect(await c.call(domains.byUuid, { uuid: dom.uuid })).toEqual(dom);
      expect(await c.call(domains.list, {})).toContainEqual(dom);
      expect(await c.call(domains.xml, { dom, flags: DomainXml.inactive })).toContain(`<uuid>${dom.uuid}</uuid>`);
      expect((await c.call(domains.state, { dom })).state).toBe(DomainState.shutoff);
      expect(await c.call(domains.info, { dom })).toMatchObject({ maxMemory: 65_536, memory: 49_152, vcpus: 1 });
      expect(await c.call(domains.isActive, { dom })).toBe(false);
      expect(await c.call(domains.isPersistent, { dom })).toBe(true);
      expect(await c.call(domains.snapshots, { dom, flags: 0 })).toEqual([]);
      const snapshot = { name: "none", dom };
      expect(libvirtCode(await failure(c.call(domains.snapshotXml, { snapshot, flags: 0 })))).toBe(
        ErrorCode.noSnapshot,
      );
      expect(await c.call(domains.isUpdated, { dom })).toBe(false);
    });

    it("runs domains and hears of it", async () => {
      const heard: string[] = [];
      const end = await c.on(events.domainLifecycle, (event) => heard.push(`${event.dom.name} ${event.event}`));
      const live = await c.call(domains.create, { dom });
      expect(live.id).toBeGreaterThan(0);
      expect(await c.call(domains.byId, { id: live.id })).toEqual(live);
      await c.call(domains.suspend, { dom });
      await c.call(domains.resume, { dom });
      await c.call(domains.reboot, { dom });
      await c.call(domains.destroy, { dom });
      await until(() => heard.length >= 4);
      expect(heard.slice(0, 4)).toEqual([2, 3, 4, 5].map((event) => `${dom.name} ${event}`));
      await end();
      const made = await c.call(domains.createXml, { xml: domainXml(`t-${suffix}`, "test") });
      await c.call(domains.shutdown, { dom: made });
      expect(libvirtCode(await failure(c.call(domains.byName, { name: made.name })))).toBe(ErrorCode.noDomain);
    });

    it("changes domains", async () => {
      await c.call(domains.setAutostart, { dom, autostart: true });
      expect(await c.call(domains.autostart, { dom })).toBe(true);
      await c.call(domainChange.setVcpus, { dom, count: 2, flags: Affect.config });
      expect(await c.call(domainChange.vcpus, { dom, flags: Affect.config })).toBe(2);
      await c.call(domainChange.setMemory, { dom, memory: 32_768, flags: Affect.config });
      expect((await c.call(domains.info, { dom })).memory).toBe(32_768);
      const uri = "https://example.org/owner";
      const mark = { dom, type: MetadataType.element, uri, flags: Affect.config };
      await c.call(domains.setMetadata, { ...mark, key: "o", metadata: "<owner name='me'/>" });
      expect(await c.call(domains.metadata, mark)).toBe('<owner name="me"/>');
      await c.call(domains.setMetadata, { ...mark, key: "o" });
      expect(libvirtCode(await failure(c.call(domains.metadata, mark)))).toBe(ErrorCode.noMetadata);
    });

    it("saves and forgets domains", async () => {
      await c.call(domains.create, { dom });
      await c.call(domains.managedSave, { dom });
      expect(await c.call(domains.hasManagedSave, { dom })).toBe(true);
      await c.call(domains.removeManagedSave, { dom });
      expect(await c.call(domains.hasManagedSave, { dom })).toBe(false);
      await c.call(domains.undefine, { dom, flags: Undefine.managedSave });
      expect(await failure(c.call(domains.xml, { dom: domainRef(dom.name, dom.uuid) }))).toMatchObject({
        name: "ProviderError",
        code: "not-found",
      });
    });

    it("tells the addresses of a guest", async () => {
      const seed = await c.call(domains.byName, { name: "test" });
      const xml = domainXml(`n-${suffix}`, "test", "<interface type='network'><source network='default'/></interface>");
      const guest = await c.call(domains.createXml, { xml });
      const found = await c.call(domainGuest.interfaceAddresses, { dom: guest, source: AddressSource.lease });
      expect(found[0]?.addresses[0]).toMatchObject({ type: 0, prefix: 24 });
      expect(await c.call(domainGuest.messages, { dom: seed })).toEqual([]);
      await c.call(domains.destroy, { dom: guest });
    });

    it("manages networks", async () => {
      const heard: number[] = [];
      const end = await c.on(events.networkLifecycle, ({ event }) => heard.push(event));
      const xml = `<network><name>n-${suffix}</name><forward/><bridge name='virbr77'/><ip address='10.9.8.1' netmask='255.255.255.0'><dhcp><range start='10.9.8.2' end='10.9.8.9'/></dhcp></ip></network>`;
      const net = await c.call(networks.defineFlags, { xml, flags: Define.validate });
      expect(await c.call(networks.byName, { name: net.name })).toEqual(net);
      expect(await c.call(networks.byUuid, { uuid: net.uuid })).toEqual(net);
      expect(await c.call(networks.list, {})).toContainEqual(net);
      await c.call(networks.setAutostart, { net, autostart: true });
      expect(await c.call(networks.autostart, { net })).toBe(true);
      await c.call(networks.create, { net });
      expect(await c.call(networks.isActive, { net })).toBe(true);
      expect(await c.call(networks.isPersistent, { net })).toBe(true);
      await c.call(networks.update, {
        net,
        command: NetworkUpdate.addLast,
        section: NetworkSection.dhcpHost,
        parentIndex: -1,
        xml: "<host mac='52:54:00:00:00:01' ip='10.9.8.7'/>",
        flags: Affect.live | Affect.config,
      });
      expect(await c.call(networks.xml, { net })).toContain("10.9.8.7");
      expect(await c.call(networks.bridge, { net })).toMatch(/^virbr/);
      const old = await failure(c.call(networks.metadata, { net, type: MetadataType.title }));
      expect(isUnknownProcedure(old) || libvirtCode(old) === ErrorCode.noNetworkMetadata).toBe(true);
      await c.call(networks.setMetadata, { net, type: MetadataType.title, metadata: "x" }).catch((error) => {
        expect(error.code).toBe("unsupported");
      });
      await c.call(networks.destroy, { net });
      await c.call(networks.undefine, { net });
      await until(() => heard.length >= 4);
      expect(heard).toEqual([0, 2, 3, 1]);
      await end();
      const made = await c.call(networks.createXml, { xml: `<network><name>m-${suffix}</name></network>` });
      await c.call(networks.destroy, { net: made });
      const plain = await c.call(networks.define, { xml: `<network><name>p-${suffix}</name></network>` });
      await c.call(networks.undefine, { net: plain });
    });

    it("manages pools and volumes", async () => {
      const heard: number[] = [];
      const end = await c.on(events.poolLifecycle, ({ event }) => heard.push(event));
      const xml = `<pool type='dir'><name>p-${suffix}</name><target><path>/nowhere/${suffix}</path></target></pool>`;
      const pool = await c.call(pools.define, { xml });
      await c.call(pools.build, { pool });
      await c.call(pools.create, { pool });
      await until(() => heard.length >= 3);
      expect(heard).toEqual([0, 4, 2]);
      await end();
      const vol = await c.call(volumes.create, {
        pool,
        xml: "<volume><name>v</name><capacity>4096</capacity></volume>",
      });
      expect(vol).toMatchObject({ pool: pool.name, name: "v" });
      expect(await c.call(pools.volumes, { pool })).toEqual([vol]);
      expect(await c.call(volumes.info, { vol })).toMatchObject({ capacity: 4096 });
      await c.call(volumes.delete, { vol });
      await c.call(pools.destroy, { pool });
      await c.call(pools.delete, { pool });
      await c.call(pools.undefine, { pool });
    });
  });
};
