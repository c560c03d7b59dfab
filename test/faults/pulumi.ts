import { isDeepStrictEqual } from "node:util";
import type { OpenHost } from "../../provider/core/engine.js";
import type { Fields } from "../../provider/core/values.js";
import { Unfinished } from "../../provider/faces/pulumi/failures.js";
import { Hosts, type Open } from "../../provider/faces/pulumi/hosts.js";
import { type DynamicProvider, dynamicProvider } from "../../provider/faces/pulumi/provider.js";
import { decode } from "../../provider/faces/pulumi/wire.js";
import type { KindName } from "../../provider/kinds/index.js";

/** A resource as a program declares it. Values that come from others are looked up when it is its turn. */
export interface Declared {
  readonly kind: KindName;
  readonly name: string;
  readonly words: (of: (name: string) => Fields) => Fields;
}

/** What Pulumi's engine keeps of a resource. */
export interface Entry {
  readonly kind: KindName;
  readonly id: string;
  readonly inputs: Fields;
  readonly outputs: Fields;
  readonly initErrors: readonly string[];
}

/** One process of the provider: the real face over real hosts. */
export class ProviderProcess {
  readonly said: string[] = [];
  private readonly opened: OpenHost[] = [];
  private readonly hosts: Hosts;
  private readonly providers = new Map<KindName, Promise<DynamicProvider>>();
  private readonly running = new Set<Promise<unknown>>();
  private kill: (error: Error) => void = () => undefined;
  private readonly killed = new Promise<never>((_, reject) => {
    this.kill = reject;
  });
  dead = false;

  constructor(
    private readonly config: Readonly<Record<string, string>>,
    open: Open,
  ) {
    this.killed.catch(() => undefined);
    this.hosts = new Hosts(async (settings) => {
      const host = await open(settings);
      this.opened.push(host);
      return host;
    });
  }

  provider(kind: KindName): Promise<DynamicProvider> {
    const known = this.providers.get(kind);
    if (known) return known;
    const made = (async () => {
      const say = async (line: string) => {
        this.said.push(line);
      };
      const provider = dynamicProvider(kind, { hosts: this.hosts, say });
      await provider.configure({ config: { get: (key) => this.config[key] } });
      return provider;
    })();
    this.providers.set(kind, made);
    return made;
  }

  /** A call of the engine; a process that dies meanwhile answers nothing any more. */
  async call<T>(kind: KindName, step: (provider: DynamicProvider) => Promise<T>): Promise<T> {
    const work = this.provider(kind).then(step);
    this.running.add(work);
    work.catch(() => undefined).finally(() => this.running.delete(work));
    return Promise.race([work, this.killed]);
  }

  /** SIGKILL: nothing that the process learns from now on is known to anybody. */
  die(): void {
    this.dead = true;
    this.kill(new Error("the provider's process was killed"));
    for (const host of this.opened) void host.close();
  }

  interrupt(): void {
    this.hosts.cancel();
  }

  async close(): Promise<void> {
    if (!this.dead) return this.hosts.close();
    await Promise.allSettled(this.running);
  }
}

/** What Pulumi's engine does with the resources of one program, in the order of the program. */
export class Stack {
  private entries = new Map<string, Entry>();

  get names(): readonly string[] {
    return [...this.entries.keys()];
  }

  entry(name: string): Entry | undefined {
    return this.entries.get(name);
  }

  /** Carries out what is needed, and ends at the first failure. Resources that are not declared are deleted. */
  async up(process: ProviderProcess, program: readonly Declared[]): Promise<void> {
    for (const declared of program) await this.step(process, declared, true);
    await this.delete(
      process,
      this.names.filter((name) => !program.some((d) => d.name === name)),
    );
  }

  /** What an update would do: empty when nothing. */
  async preview(process: ProviderProcess, program: readonly Declared[]): Promise<readonly string[]> {
    const found: string[] = [];
    for (const declared of program) {
      const op = await this.step(process, declared, false);
      if (op !== "same") found.push(`${op} ${declared.name}`);
    }
    return [...found, ...this.names.filter((n) => !program.some((d) => d.name === n)).map((n) => `delete ${n}`)];
  }

  /** Takes over what the host says. */
  async refresh(process: ProviderProcess, names: readonly string[] = this.names): Promise<void> {
    for (const name of names) {
      const entry = this.known(name);
      const read = await process.call(entry.kind, (p) => p.read(entry.id, plain(entry.outputs)));
      if (read.id === undefined) this.entries.delete(name);
      else {
        const outputs = withStub(read.props, entry);
        this.entries.set(name, { ...entry, inputs: read.inputs ?? entry.inputs, outputs, initErrors: [] });
      }
    }
  }

  async delete(process: ProviderProcess, names: readonly string[]): Promise<void> {
    for (const name of [...names].reverse()) {
      const entry = this.entries.get(name);
      if (entry === undefined) continue;
      await process.call(entry.kind, (p) => p.delete(entry.id, plain(entry.outputs)));
      this.entries.delete(name);
    }
  }

  private known(name: string): Entry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new Error(`"${name}" is not in the state`);
    return entry;
  }

  private async step(process: ProviderProcess, declared: Declared, forReal: boolean) {
    const { kind, name } = declared;
    const sent = { name, owner: "faults/test", ...declared.words((other) => this.known(other).outputs) };
    const old = this.entries.get(name);
    const { inputs, failures } = await process.call(kind, (p) =>
      p.check(old ? plain(old.inputs) : {}, { __provider: "stub", ...sent }),
    );
    if (failures.length > 0) throw new Error(failures.map((f) => `${name}: ${f.property}: ${f.reason}`).join("\n"));
    if (old === undefined) {
      if (forReal) await this.keep(declared, inputs, () => process.call(kind, (p) => p.create(plain(inputs))));
      return "create";
    }
    const diff = await process.call(kind, (p) => p.diff(old.id, plain(old.outputs), plain(inputs)));
    if ((diff.replaces ?? []).length > 0) throw new Error(`${name} would be replaced for ${diff.replaces}`);
    const differs = diff.changes ?? !isDeepStrictEqual(plain(old.inputs), plain(inputs));
    if (!differs && old.initErrors.length === 0) return "same";
    if (forReal)
      await this.keep(declared, inputs, async () => {
        const { outs } = await process.call(kind, (p) => p.update(old.id, plain(old.outputs), plain(inputs)));
        return { id: old.id, outs };
      });
    return "update";
  }

  private async keep(
    { kind, name }: Declared,
    inputs: Fields,
    step: () => Promise<{ readonly id: string; readonly outs: Fields }>,
  ): Promise<void> {
    try {
      const { id, outs } = await step();
      this.entries.set(name, { kind, id, inputs, outputs: outs, initErrors: [] });
    } catch (error) {
      if (error instanceof Unfinished)
        this.entries.set(name, { kind, id: error.id, inputs, outputs: error.properties, initErrors: error.reasons });
      throw error;
    }
  }
}

/** The engine sends no wrappers of secrets, and everything as JSON. */
const plain = (fields: Fields): Fields => JSON.parse(JSON.stringify(decode(fields)));

const withStub = (props: Fields | undefined, entry: Entry): Fields => ({
  ...props,
  __provider: entry.outputs["__provider"],
});
