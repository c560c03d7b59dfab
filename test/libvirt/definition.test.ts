import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost, openHost } from "../../provider/backends/libvirt/host.js";
import { DomainXml } from "../../provider/backends/libvirt/rpc/flags.js";
import { Define, domainRef, domains, Undefine } from "../../provider/backends/libvirt/rpc/index.js";
import { definition } from "../../provider/backends/libvirt/vm/definition.js";
import { edit } from "../../provider/backends/libvirt/vm/edit.js";
import { observe } from "../../provider/backends/libvirt/vm/observe.js";
import { agentConnected } from "../../provider/backends/libvirt/vm/power.js";
import { readProperties } from "../../provider/backends/libvirt/vm/read.js";
import type { MachineInputs, Virtualisation } from "../../provider/backends/libvirt/vm/types.js";
import { type Element, parseXml, toText } from "../../provider/backends/libvirt/xml.js";
import { differences, project } from "../../provider/core/compare.js";
import { ProviderError } from "../../provider/core/errors.js";
import { VirtualMachine } from "../../provider/kinds/virtual-machine.js";
import { type LibvirtHost as Lab, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { declarations, dice, garble, inputsOf, resolved } from "./machines.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`definitions and the daemon${reason === undefined ? "" : ` (${reason})`}`, () => {
  let lab: Lab;
  let host: LibvirtHost;
  beforeAll(async () => {
    lab = await startLibvirtd();
    host = openHost({ uri: lab.uri });
  });
  afterAll(async () => {
    await host?.close();
    await lab?.stop();
  });
  /** Paths of disks are not looked at before a start, networks neither. */
  const define = async (on: LibvirtHost, xml: string) => {
    host.inventory.forget();
    await on.session.call(domains.define, { xml, flags: Define.validate });
  };
  const undefine = (on: LibvirtHost, uuid: string) =>
    on.session.call(domains.undefine, { dom: domainRef("", uuid), flags: Undefine.nvram | Undefine.tpm });
  /** What differs, by the rules of the engine, between a declaration of a stopped machine and what the host shows. */
  const left = async (on: LibvirtHost, uuid: string, inputs: MachineInputs) => {
    on.inventory.forget();
    const now = await observe(on, uuid, { inputs, outputs: {} });
    const shown = project(VirtualMachine.properties, inputs, now?.properties ?? {});
    return differences(VirtualMachine.properties, shown, inputs).map((d) => `${d.path}: ${JSON.stringify(d.before)}`);
  };
  const stopped = (declared: Record<string, unknown>) =>
    inputsOf({ ...declared, powerState: "stopped", autostart: false });

  for (const firmware of ["uefi", "bios"])
    for (const secureBoot of firmware === "uefi" ? [false, true] : [false])
      for (const tpm of [false, true])
        it.each(["debian12", "win2k22"])(
          `take ${firmware}${secureBoot ? " with Secure Boot" : ""}${tpm ? ", a TPM" : ""} for %s`,
          async (guest) => {
            const written = {
              firmware,
              secureBoot,
              tpm,
              guest,
              cloudInit: { userData: "x" },
              disks: [{ volume: "/a" }],
            };
            const inputs = stopped({ ...written, acceleration: "none" });
            const machine = resolved(inputs);
            await define(host, definition(machine));
            expect(await left(host, machine.uuid, inputs)).toEqual([]);
            await undefine(host, machine.uuid);
          },
        );

  it("take as many processors as the host's facts offer, and no more", async () => {
    const most = (await host.facts()).tcg?.maxCpus ?? 0;
    const machine = resolved(stopped({ cpus: most, firmware: "bios" }));
    await define(host, definition(machine));
    await undefine(host, machine.uuid);
    const more = definition(resolved(stopped({ cpus: most + 1, firmware: "bios" })));
    await expect(define(host, more)).rejects.toMatchObject({ name: "ProviderError" });
  });

  it("take every value of every property, keep it, and show it again", async () => {
    for (const declared of declarations(40)) {
      // Names of networks in a definition are names that libvirt takes.
      const inputs = stopped({ ...declared, acceleration: "none" });
      const machine = resolved(inputs);
      await define(host, definition(machine)).catch((error: Error) => {
        throw new Error(`${error.message}\n${JSON.stringify(declared)}`);
      });
      expect(await left(host, machine.uuid, inputs), JSON.stringify(declared)).toEqual([]);
      await undefine(host, machine.uuid);
    }
  });

  it("take every edit from one declaration to another", async () => {
    const all = declarations(60).map((declared) => ({ ...declared, name: "edited", acceleration: "none" }));
    for (const [i, from] of all.entries()) {
      const [before, after] = [stopped(from), stopped(all[(i * 7 + 1) % all.length] ?? {})];
      const { uuid } = resolved(before);
      await define(host, definition(resolved(before)));
      const dom = domainRef("edited", uuid);
      const config = parseXml(await host.session.call(domains.xml, { dom, flags: DomainXml.inactive }), "it");
      const shown = project(VirtualMachine.properties, after, (await observe(host, uuid))?.properties ?? {});
      const changed = new Set(differences(VirtualMachine.properties, shown, after).map((d) => d.property));
      edit(config, resolved(after), changed);
      await define(host, toText(config)).catch((error: Error) => {
        throw new Error(`${error.message}\n${JSON.stringify(from)}\n${JSON.stringify(after)}`);
      });
      expect(await left(host, uuid, after), `${JSON.stringify(from)}\n${JSON.stringify(after)}`).toEqual([]);
      await undefine(host, uuid);
    }
  });

  it("break no reader, but for what is no number, when what the daemon says of a running machine is garbled", async () => {
    const inputs = inputsOf({ firmware: "bios", memory: "32MiB", acceleration: "none", tags: { a: "1" } });
    const machine = resolved(inputs);
    await define(host, definition(machine));
    const dom = domainRef("m", machine.uuid);
    await host.session.call(domains.create, { dom, flags: 0 });
    const said = { live: 0, config: DomainXml.inactive };
    const texts = await Promise.all(Object.values(said).map((flags) => host.session.call(domains.xml, { dom, flags })));
    const stats = (await host.inventory.stats([dom])).get(machine.uuid) ?? {};
    expect(stats["state.state"]).toBe(1);
    const roll = dice(5);
    for (let round = 0; round < 400; round++) {
      const [live, config] = texts.map((text) => parseXml(text, "it")) as [Element, Element];
      garble(round % 2 === 0 ? live : config, roll);
      const text = toText(round % 2 === 0 ? live : config);
      try {
        readProperties({ config, live, stats, autostart: false }, { inputs, outputs: {} });
        agentConnected(live);
        edit(config, machine, new Set(Object.keys(VirtualMachine.properties)), { live });
      } catch (error) {
        expect(error instanceof ProviderError && error.fact, text).toMatch(/, which is no number$/);
      }
    }
    await host.session.call(domains.destroy, { dom, flags: 0 });
    await undefine(host, machine.uuid);
  });

  it("are taken by the test driver", async () => {
    const test = openHost({ uri: `test:///default?socket=${lab.socket}` });
    const virtualisation: Virtualisation = "test";
    for (const declared of declarations(20)) {
      const inputs = inputsOf({
        ...declared,
        firmware: "bios",
        secureBoot: false,
        tpm: false,
        powerState: "stopped",
        autostart: false,
      });
      const machine = resolved(inputs, virtualisation);
      await test.session.call(domains.define, { xml: definition(machine), flags: Define.validate });
      expect(await left(test, machine.uuid, inputs), JSON.stringify(declared)).toEqual([]);
      await test.session.call(domains.undefine, { dom: domainRef(inputs.name, machine.uuid), flags: 0 });
    }
    await test.close();
  });
});
