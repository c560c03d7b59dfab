import type { Step } from "../../provider/core/driver.js";
import type { Engine, Kept, OpenHost } from "../../provider/core/engine.js";
import type { InputsOf, Kind } from "../../provider/core/kind.js";
import type { KindName } from "../../provider/kinds/index.js";
import type { Fixture, Words } from "./fixture.js";

export type Declared = InputsOf<Kind>;
export type Made = Kept<Kind>;

/** A step that nobody watches and nobody stops. */
export const step = (): Omit<Step, "made"> => ({ report: () => undefined, signal: new AbortController().signal });

/** Who the suite is, and somebody else. */
export const OWNER = "contract/suite";
export const STRANGER = "contract/stranger";

/** What a test works with: the fixture's host, the objects that others refer to, and a list of what to remove. */
export class Stand {
  private readonly made: { readonly kind: KindName; readonly id: string; readonly inputs: Made["inputs"] }[] = [];
  private names = 0;
  private networks = 0;
  /** Objects that others refer to; they stay for the whole suite. */
  private readonly ground = new Map<string, Made>();

  constructor(readonly fixture: Fixture) {}

  engine(kind: KindName, host: OpenHost = this.fixture.host): Engine<Kind, unknown> {
    return host.engine(kind);
  }

  /** A name that nothing has. */
  name(): string {
    this.names += 1;
    return `contract-${this.names}`;
  }

  /** A network that nothing has; 0 and 1 belong to the shared ones, and tests take turns with the rest. */
  cidr(): string {
    this.networks += 1;
    return this.fixture.cidr(2 + (this.networks % 98));
  }

  /** An object that a test refers to without caring for it: made once. */
  async shared(kind: KindName, which: "first" | "second" = "first"): Promise<Made> {
    const key = `${kind} ${which}`;
    const there = this.ground.get(key);
    if (there) return there;
    const more = kind === "Network" ? { cidr: this.fixture.cidr(which === "first" ? 0 : 1) } : {};
    const made = await this.engine(kind).create(this.checked(kind, await this.words(kind, more)), step());
    this.ground.set(key, made);
    return made;
  }

  /** A valid declaration of a kind, with a name of its own. */
  async words(kind: KindName, more: Words = {}): Promise<Words> {
    const name = this.name();
    const common = { owner: OWNER, name, ...this.fixture.words[kind] };
    switch (kind) {
      case "StoragePool":
        return { ...common, path: this.fixture.folder(name), ...more };
      case "Volume":
        return { ...common, pool: (await this.shared("StoragePool")).id, size: "64MiB", ...more };
      case "Network":
        return { ...common, cidr: this.cidr(), ...more };
      case "VirtualMachine": {
        const [disk, network] = [await this.disk(), await this.shared("Network")];
        // No guest obeys here: a shutdown is forced after a second.
        const shutdown = { method: "acpi", timeout: 1, onTimeout: "force" };
        const base = { memory: "64MiB", shutdown, disks: [disk], networks: [{ name: "nic0", network: network.id }] };
        return { ...base, ...common, ...more };
      }
    }
  }

  /** A disk on one of the two shared volumes. */
  async disk(which: "first" | "second" = "first", more: Words = {}): Promise<Words> {
    const { outputs } = await this.shared("Volume", which);
    return { name: which, volume: outputs["path"], ...more };
  }

  /** What `check` makes of words; they must be right. */
  checked(kind: KindName, words: Words): Declared {
    const { inputs, problems } = this.engine(kind).check(words);
    if (problems.length > 0) throw new Error(problems.map((p) => `${kind} ${p.path} ${p.reason}`).join("; "));
    return inputs as Declared;
  }

  /** Makes something that is removed after the test. */
  async create(kind: KindName, words: Words, host?: OpenHost): Promise<Made> {
    const made = await this.engine(kind, host).create(this.checked(kind, words), step());
    this.forget(kind, made.id);
    this.made.push({ kind, ...made });
    return made;
  }

  /** A test removed it itself. */
  forget(kind: KindName, id: string): void {
    const at = this.made.findIndex((m) => m.kind === kind && m.id === id);
    if (at >= 0) this.made.splice(at, 1);
  }

  /** To be removed after the test although it was not made by `create`. */
  remember(kind: KindName, id: string, inputs: Made["inputs"]): void {
    this.forget(kind, id);
    this.made.push({ kind, id, inputs });
  }

  /** Removes what the test made, users first; what cannot be removed does not keep the rest. */
  async clear(): Promise<void> {
    const failed: unknown[] = [];
    for (const { kind, id, inputs } of this.made.splice(0).reverse())
      await this.engine(kind)
        .remove(id, inputs, step())
        .catch((error: unknown) => failed.push(error));
    if (failed.length > 0) throw new AggregateError(failed, "the test's objects could not be removed");
  }

  /** Removes everything and closes the host. */
  async close(): Promise<void> {
    const order: readonly KindName[] = ["VirtualMachine", "Network", "Volume", "StoragePool"];
    try {
      await this.clear();
      for (const kind of order)
        for (const [key, { id, inputs }] of this.ground)
          if (key.startsWith(`${kind} `)) {
            const all = kind === "StoragePool" ? { ...inputs, onDelete: "delete" } : inputs;
            await this.engine(kind).remove(id, all as Made["inputs"], step());
          }
    } finally {
      await this.fixture.close();
    }
  }
}
