import { describe, expect, it } from "vitest";
import { declarations, dice, garble, HOSTILE, inputsOf, resolved } from "../../../../test/libvirt/machines.js";
import { differences, project } from "../../../core/compare.js";
import { ProviderError } from "../../../core/errors.js";
import { VirtualMachine } from "../../../kinds/virtual-machine.js";
import { DomainState } from "../rpc/flags.js";
import { append, type Element, elements, find, parseXml, removeElement, toText } from "../xml.js";
import { definition, notesOf } from "./definition.js";
import { edit } from "./edit.js";
import { readNotes } from "./notes.js";
import { powerStateOf, readProperties, stateOf } from "./read.js";
import type { MachineInputs, Virtualisation } from "./types.js";

const STATES = { running: DomainState.running, stopped: DomainState.shutoff, paused: DomainState.paused };

/** What a host shows of a definition, with and without what runs. */
function seen(config: Element, inputs: MachineInputs, live?: Element) {
  const stats = {
    "state.state": STATES[inputs.powerState],
    "vcpu.current": inputs.cpus,
    "vcpu.maximum": Math.max(inputs.cpus, inputs.maxCpus ?? 0),
    "balloon.current": inputs.memory / 1024,
    "balloon.maximum": Math.max(inputs.memory, inputs.maxMemory ?? 0) / 1024,
  };
  return { config, live, stats, autostart: inputs.autostart };
}

/** What differs between a declaration and what is read back of it, by the rules of the engine. */
function left(inputs: MachineInputs, config: Element, live?: Element): readonly string[] {
  const properties = readProperties(seen(config, inputs, live), { inputs, outputs: {} });
  const shown = project(VirtualMachine.properties, inputs, properties);
  return differences(VirtualMachine.properties, shown, inputs).map(
    (d) => `${d.path}: ${JSON.stringify(d.before)} -> ${JSON.stringify(d.after)}`,
  );
}

const written = (inputs: MachineInputs, virtualisation: Virtualisation = "qemu") =>
  parseXml(definition(resolved(inputs, virtualisation)), "the definition");

describe("what is written reads back equal", () => {
  it("for every value of every property, alone and mixed, stopped and running", () => {
    const all = declarations(150);
    expect(all.length).toBeGreaterThan(180);
    for (const declared of all) {
      const inputs = inputsOf(declared);
      const config = written(inputs);
      expect(left(inputs, config), JSON.stringify(declared)).toEqual([]);
      if (inputs.powerState !== "stopped")
        expect(left(inputs, config, written(inputs)), JSON.stringify(declared)).toEqual([]);
    }
  });

  it("on KVM, where `none` is not honoured, and on the test driver", () => {
    expect(left(inputsOf({ acceleration: "required" }), written(inputsOf({}), "kvm"))).toEqual([]);
    expect(left(inputsOf({ acceleration: "none" }), written(inputsOf({}), "kvm"))).toHaveLength(1);
    expect(left(inputsOf({ acceleration: "required" }), written(inputsOf({}), "qemu"))).toHaveLength(1);
    for (const acceleration of ["auto", "required", "none"])
      expect(left(inputsOf({ acceleration, firmware: "bios" }), written(inputsOf({}), "test"))).toEqual([]);
  });

  it("although the host drops a description that is empty", () => {
    const inputs = inputsOf({ description: "" });
    const config = written(inputs);
    removeElement(find(config, "description"));
    expect(left(inputs, config)).toEqual([]);
    expect(left(inputsOf({ description: "x" }), config)).toHaveLength(1);
  });

  it("whatever the host writes into it", () => {
    const inputs = inputsOf({
      disks: [{ volume: "/a" }],
      networks: [{ network: "m" }],
      description: HOSTILE,
      tpm: true,
      cloudInit: { userData: "x" },
    });
    const config = parseXml(toText(written(inputs)).replace(/></g, ">\n  <"), "what is indented");
    for (const device of elements(find(config, "devices")!)) {
      append(device, ["alias", { name: "x" }]);
      append(device, ["address", { type: "pci", bus: "0x01" }]);
    }
    append(config, ["seclabel", { type: "dynamic" }]);
    expect(left(inputs, config)).toEqual([]);
  });
});

describe("what is changed reads back equal", () => {
  it("from every declaration to every other one, in the definition of a stopped machine", () => {
    const all = declarations(60).map((declared) => ({ ...declared, name: "m" }));
    for (const [i, from] of all.entries()) {
      const [before, after] = [inputsOf(from), inputsOf({ ...all[(i * 7 + 1) % all.length], acceleration: "none" })];
      const config = written(before);
      const machine = resolved(after);
      const shown = project(VirtualMachine.properties, after, readProperties(seen(config, after), undefined));
      const changed = new Set(differences(VirtualMachine.properties, shown, after).map((d) => d.property));
      edit(config, machine, changed);
      expect(left(after, config), `${JSON.stringify(from)}\n${JSON.stringify(after)}`).toEqual([]);
      const text = toText(config);
      edit(config, machine, changed);
      expect(toText(config), "an edit that is made twice").toBe(text);
    }
  });
});

describe("what differs between what runs and what is defined", () => {
  const inputs = inputsOf({ cpus: 2, maxCpus: 4, memory: "64MiB", maxMemory: "128MiB", disks: [{ volume: "/a" }] });

  it.each([
    ["more processors run", { "vcpu.current": 3 }, { cpus: 3 }],
    ["more memory is in use", { "balloon.current": 131072 - 1024 }, { memory: (128 - 1) * 2 ** 20 }],
    ["a guest without a balloon driver has all of it", { "balloon.current": 131072 }, { memory: 64 * 2 ** 20 }],
    [
      "a guest that reports has all of it",
      { "balloon.current": 131072, "balloon.last-update": 5 },
      { memory: 128 * 2 ** 20 },
    ],
  ])("shows the side that is not as declared: %s", (_word, stats, shown) => {
    const base = seen(written(inputs), { ...inputs, powerState: "running" });
    const properties = readProperties(
      { ...base, stats: { ...base.stats, ...stats } as never },
      { inputs, outputs: {} },
    );
    expect(properties).toMatchObject(shown);
  });

  it("shows a CD that was taken out or swapped in the running guest alone, and a description of it alone", () => {
    const declared = inputsOf({ cdrom: "/iso/a", description: "ours" });
    const shown = (live: MachineInputs, config = declared) => {
      const { cdrom, description } = readProperties(seen(written(config), declared, written(live)), {
        inputs: declared,
        outputs: {},
      });
      return { cdrom, description };
    };
    const other = (more: object) => inputsOf({ cdrom: "/iso/a", description: "ours", ...more });
    expect(shown(declared)).toEqual({ cdrom: "/iso/a", description: "ours" });
    expect(shown(other({ cdrom: undefined }))).toEqual({ cdrom: undefined, description: "ours" });
    expect(shown(other({ cdrom: "/iso/b" }))).toEqual({ cdrom: "/iso/b", description: "ours" });
    expect(shown(declared, other({ cdrom: undefined }))).toEqual({ cdrom: undefined, description: "ours" });
    expect(shown(other({ description: "theirs" }))).toEqual({ cdrom: "/iso/a", description: "theirs" });
    expect(shown(other({ description: undefined }))).toEqual({ cdrom: "/iso/a", description: undefined });
  });

  it("shows a disk that only runs and one that is only defined", () => {
    const other = inputsOf({ ...inputs, disks: [{ volume: "/a" }, { volume: "/b" }] });
    const names = (config: Element, live: Element, declared: MachineInputs) =>
      readProperties(seen(config, declared, live), { inputs: declared, outputs: {} }).disks?.map((d) => d.name);
    expect(names(written(other), written(inputs), other)).toEqual(["disk0"]);
    expect(names(written(inputs), written(other), inputs)).toEqual(["disk0", "vdb"]);
    expect(names(written(other), written(other), inputs)).toEqual(["disk0", "disk1"]);
  });
});

it.each([
  [DomainState.none, "stopped", "stopped"],
  [DomainState.running, "running", "running"],
  [DomainState.blocked, "running", "running"],
  [DomainState.paused, "paused", "paused"],
  [DomainState.shutdown, "running", "running"],
  [DomainState.shutoff, "stopped", "stopped"],
  [DomainState.crashed, "stopped", "crashed"],
  [DomainState.pmsuspended, "paused", "suspended"],
  [undefined, "stopped", "stopped"],
])("the state %s of libvirt is the power state %s and the state %s", (number, power, state) => {
  const stats = number === undefined ? {} : { "state.state": number };
  expect([powerStateOf(stats as never), stateOf(stats as never)]).toEqual([power, state]);
});

describe("a garbled definition", () => {
  const inputs = inputsOf({
    description: HOSTILE,
    tags: { a: HOSTILE },
    disks: [{ volume: "/a" }, { name: "b", path: "/dev/b", bus: "scsi" }],
    networks: [{ network: "m" }, { name: "x", bridge: "b" }],
    cloudInit: { userData: "x" },
    secureBoot: true,
    tpm: true,
  });
  const text = definition(resolved(inputs));
  /** Whatever is read and written of a definition. */
  const work = (config: Element) => {
    const recorded = { inputs, outputs: {} };
    readProperties(seen(config, inputs, parseXml(text, "what runs")), recorded);
    readProperties(seen(parseXml(text, "the definition"), inputs, config), recorded);
    readProperties(seen(config, inputs), undefined);
    readNotes(config);
    const all = new Set(Object.keys(VirtualMachine.properties));
    edit(config, resolved(inputs), all, { live: parseXml(text, "what runs") });
    parseXml(toText(config), "what was edited");
    expect(readNotes(config)).toEqual(notesOf(resolved(inputs)));
  };
  it("is read, or refused by the name of what is no number: elements lost, doubled, moved, emptied, attributes and texts garbled", () => {
    const roll = dice(11);
    for (let round = 0; round < 400; round++) {
      const config = parseXml(text, "the definition");
      garble(config, roll);
      const before = toText(config);
      try {
        work(config);
      } catch (error) {
        expect(error instanceof ProviderError && error.fact, before).toMatch(/ in <\w+>, which is no number$/);
      }
    }
  }, 60_000);

  it("is refused in words, or read, when its text is cut or bytes of it are exchanged", () => {
    const roll = dice(12);
    for (let round = 0; round < 300; round++) {
      const at = Math.floor(roll() * text.length);
      const length = Math.floor(roll() * 40);
      const filling = ["", "<", ">", "&", '"', "</devices>", "<!--", "\u0000", text.slice(at, at + length).repeat(2)];
      const broken = text.slice(0, at) + filling[Math.floor(roll() * filling.length)] + text.slice(at + length);
      try {
        work(parseXml(broken, "the definition"));
      } catch (error) {
        expect(error, broken).toBeInstanceOf(ProviderError);
      }
    }
  });
});
