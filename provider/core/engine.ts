import { checkFields } from "./check.js";
import { project, united } from "./compare.js";
import type { Driver, Listed, Observed, Step } from "./driver.js";
import { ProviderError, placed, within } from "./errors.js";
import type { Finding, Look } from "./finding.js";
import type { InputsOf, Kind, OutputsOf, Problem } from "./kind.js";
import { type Plan, plan } from "./plan.js";
import { hasUnknown, isFields, knownPart, mapFields } from "./values.js";

/** One host, as the engine needs it: a name for sentences, and whatever its backend's drivers work with. */
export interface Host<C> {
  readonly name: string;
  readonly connection: C;
}

/** What a face keeps of a resource: what was declared with its live values, and what the host answered. */
export interface Kept<K extends Kind> {
  readonly id: string;
  readonly inputs: Partial<InputsOf<K>>;
  readonly outputs: OutputsOf<K>;
}

/**
 * A step failed after the host had the resource: the face keeps `kept`, so that nothing is lost, and `declared` where the
 * host could not say what it has. Both hold what the step should have taken away too.
 */
export class PartialFailure extends Error {
  override readonly name = "PartialFailure";
  constructor(
    readonly id: string,
    readonly kept: Kept<Kind> | undefined,
    readonly failure: ProviderError,
    readonly declared: Readonly<Record<string, unknown>>,
  ) {
    super(failure.message, { cause: failure });
  }
}

/** One host with an engine for every kind, as a face uses it. */
export interface OpenHost {
  /** What stands for the host in a state: a URI that leads back to it, without secrets. */
  readonly identity: string;
  /** Throws `bug` for a kind that does not exist. */
  engine(kind: string): Engine<Kind, unknown>;
  /** See `Backend.diagnose`. */
  diagnose(look: Look): Promise<readonly Finding[]>;
  close(): Promise<void>;
}

/** What a backend says of a declaration without asking its host. */
export type Ability<K extends Kind> = Pick<Driver<K, unknown>, "support" | "limits">;

/** Types, units, defaults, rules and what the backend is able to do. Needs no host. */
export function check<K extends Kind>(kind: K, { support, limits }: Ability<K>, written: unknown): CheckedInputs<K> {
  const { value, problems } = checkFields(kind.properties, written);
  const known = knownPart(value) as Partial<InputsOf<K>>;
  const sound = problems.length === 0;
  const broken = sound ? [...(kind.rules?.(known as unknown as Fields) ?? []), ...(limits?.(known) ?? [])] : [];
  const refused = Object.entries(support as Readonly<Record<string, true | string>>).flatMap(
    ([path, answer]): Problem[] => {
      const given = isFields(written) && (written[path] ?? undefined) !== undefined;
      return given && answer !== true ? [{ path, reason: answer }] : [];
    },
  );
  return { inputs: value as Partial<InputsOf<K>>, problems: [...problems, ...broken, ...refused] };
}
type Fields = Record<string, never>;

/**
 * What is recorded, for a look before a change: numbers, texts and lists of named elements as they are wanted. Where what runs and what is
 * configured differ, the host shows the side that is not so. What a refresh recorded is one of the two sides itself, and
 * would hide it.
 */
export function aimed<K extends Kind>(
  kind: K,
  declared: Partial<InputsOf<K>>,
  wanted: Partial<InputsOf<K>>,
): Partial<InputsOf<K>> {
  const aims = Object.entries(kind.properties).flatMap(([name, { shape }]) => {
    const value = (wanted as Readonly<Record<string, unknown>>)[name];
    const aimable = ["text", "integer", "bytes"].includes(shape.type) || (shape.type === "list" && shape.key);
    return aimable && value !== undefined && !hasUnknown(value) ? [[name, value]] : [];
  });
  return { ...declared, ...Object.fromEntries(aims) };
}

export interface CheckedInputs<K extends Kind> {
  readonly inputs: Partial<InputsOf<K>>;
  readonly problems: readonly Problem[];
}

/** The only way any step happens to a resource of one kind on one host. */
export class Engine<K extends Kind, C> {
  constructor(
    readonly kind: K,
    private readonly driver: Driver<K, C>,
    private readonly host: Host<C>,
  ) {}

  /** Types, units, defaults, rules and what the backend supports. Asks nobody. */
  check(written: unknown): CheckedInputs<K> {
    return check(this.kind, this.driver, written);
  }

  /** What only the host can object to. `id` when it exists already, and `declared` as what. */
  async examine(
    inputs: Partial<InputsOf<K>>,
    id?: string,
    declared?: Partial<InputsOf<K>>,
  ): Promise<readonly Problem[]> {
    return this.within("check", inputs, async () => {
      const { connection } = this.host;
      const now = id === undefined ? undefined : await this.driver.observe(connection, id);
      return this.driver.examine(connection, knownPart(inputs) as Partial<InputsOf<K>>, now, declared);
    });
  }

  /** All objects of the kind on the host, whoever made them. */
  list(): Promise<readonly Listed<K>[]> {
    return this.within("list", {}, () => this.driver.list(this.host.connection));
  }

  /** What a word means by which others refer to such an object: see `Driver.find`. */
  find(word: string): Promise<string | undefined> {
    return this.within("find", {}, async () => this.driver.find?.(this.host.connection, word));
  }

  /** The plan against `now`; throws `invalid` when the declaration's own policy forbids what it would do. */
  plan(before: Partial<InputsOf<K>>, wanted: InputsOf<K>, now: Observed<K> | undefined): Plan {
    const made = plan(this.kind, this.driver, { before, wanted, now });
    const why = made.effect === undefined ? undefined : this.kind.forbids?.(made.effect, knownPart(wanted) as never);
    if (why === undefined) return made;
    const culprits = made.changes.filter((c) => c.effect === made.effect);
    const reasons = [...new Set(culprits.flatMap((c) => c.because ?? []))];
    const because = reasons.length === 0 ? "" : ` (${reasons.join("; ")})`;
    const step = made.effect === "replace" ? "replacement" : made.effect;
    const who = culprits.length === 1 ? "this change needs" : "these changes need";
    throw new ProviderError("invalid", `${who} a ${step}${because}, and ${why}`, {
      where: { ...this.where("update", wanted), property: culprits.map((c) => c.path).join(", ") },
    });
  }

  /** What the host says now, in the driver's words. */
  observe(
    id: string,
    inputs: Partial<InputsOf<K>>,
    outputs: Partial<OutputsOf<K>> = {},
  ): Promise<Observed<K> | undefined> {
    return this.within("read", inputs, () => this.driver.observe(this.host.connection, id, { inputs, outputs }));
  }

  /** What is kept, as the host has it now; `undefined` when the host says that it is gone. */
  async read(
    id: string,
    declared: Partial<InputsOf<K>>,
    outputs: Partial<OutputsOf<K>> = {},
  ): Promise<Kept<K> | undefined> {
    const now = await this.observe(id, declared, outputs);
    return now && this.kept(now, declared);
  }

  async create(wanted: InputsOf<K>, step: Omit<Step, "made">): Promise<Kept<K>> {
    let id: string | undefined;
    const made = (answer: string) => {
      id = answer;
    };
    try {
      return await this.within("create", wanted, async () => {
        this.settled(wanted);
        await this.driver.create(this.host.connection, wanted, { ...step, made });
        if (id === undefined) throw new ProviderError("bug", "the creation ended without an id");
        if (!this.adopts(wanted)) return this.confirmed(id, wanted, true, step);
        await this.takeOver(id, wanted, step);
        return this.confirmed(id, wanted, false);
      });
    } catch (error) {
      throw id === undefined ? error : await this.partial(id, wanted, error);
    }
  }

  /** Brings what exists from what was declared before to what is wanted; decided by what the host says now. */
  async update(
    id: string,
    declared: Partial<InputsOf<K>>,
    wanted: InputsOf<K>,
    step: Omit<Step, "made">,
  ): Promise<Kept<K>> {
    const now = await this.observe(id, aimed(this.kind, declared, wanted));
    if (now === undefined) throw this.gone(id, wanted);
    const { changes, effect } = this.plan(this.kept(now, declared).inputs, wanted, now);
    if (effect === "replace") throw this.needsReplace(wanted, changes.find((c) => c.effect === "replace")?.path);
    if (changes.length === 0) return this.kept(now, wanted);
    try {
      return await this.within("update", wanted, async () => {
        this.settled(wanted);
        const made = () => undefined;
        await this.driver.update(this.host.connection, { id, observed: now, wanted, changes }, { ...step, made });
        return this.confirmed(id, wanted, true);
      });
    } catch (error) {
      const either = united(this.kind.properties, declared, wanted) as Partial<InputsOf<K>>;
      throw await this.partial(id, either, error);
    }
  }

  remove(id: string, declared: Partial<InputsOf<K>>, step: Omit<Step, "made">): Promise<void> {
    const made = () => undefined;
    return this.within("delete", declared, () =>
      this.driver.remove(this.host.connection, id, declared, { ...step, made }),
    );
  }

  /** What was adopted gets the mark of its new owner, and stays as it is in everything else. */
  private async takeOver(id: string, wanted: InputsOf<K>, step: Omit<Step, "made">): Promise<void> {
    const now = await this.driver.observe(this.host.connection, id, { inputs: wanted, outputs: {} });
    if (now === undefined) throw this.gone(id, wanted);
    const { owner } = wanted as { readonly owner?: unknown };
    const asItIs = { ...this.kept(now, wanted).inputs, owner } as unknown as InputsOf<K>;
    const before = this.kept(now, asItIs).inputs;
    const all = plan(this.kind, this.driver, { before, wanted: asItIs, now }).changes;
    const changes = all.filter(({ property }) => property === "owner");
    const made = () => undefined;
    if (changes.length > 0)
      await this.driver.update(this.host.connection, { id, observed: now, wanted: asItIs, changes }, { ...step, made });
  }

  /**
   * Write, then read back: the answer is what the host has, and it must be what was wanted. A creation gives its `step`:
   * what an earlier attempt made with other words, and this one went on with, is brought to those of now.
   */
  private async confirmed(
    id: string,
    wanted: InputsOf<K>,
    strict: boolean,
    step?: Omit<Step, "made">,
  ): Promise<Kept<K>> {
    const now = await this.driver.observe(this.host.connection, id, { inputs: wanted, outputs: {} });
    if (now === undefined) throw new ProviderError("failed", `${id} was written, and the host does not have it`);
    const kept = this.kept(now, wanted);
    const { changes } = plan(this.kind, this.driver, { before: kept.inputs, wanted, now });
    if (!strict || changes.length === 0) return kept;
    if (step !== undefined && changes.every(({ effect }) => effect !== "replace")) {
      this.plan(kept.inputs, wanted, now); // Throws when the declaration forbids a restart.
      const made = () => undefined;
      await this.driver.update(this.host.connection, { id, observed: now, wanted, changes }, { ...step, made });
      return this.confirmed(id, wanted, true);
    }
    throw new ProviderError("failed", "the host accepted the change and shows something else", {
      where: { property: changes.map((c) => c.path).join(", ") },
    });
  }

  private kept(now: Observed<K>, declared: Partial<InputsOf<K>>): Kept<K> {
    const inputs = project(this.kind.properties, declared, now.properties) as Partial<InputsOf<K>>;
    return { id: now.id, inputs, outputs: mapFields(now.outputs, (v) => v) as OutputsOf<K> };
  }

  private async partial(id: string, inputs: Partial<InputsOf<K>>, error: unknown): Promise<PartialFailure> {
    const recorded = { inputs, outputs: {} };
    const now = await this.driver.observe(this.host.connection, id, recorded).catch(() => undefined);
    return new PartialFailure(id, now && (this.kept(now, inputs) as unknown as Kept<Kind>), placed(error, {}), inputs);
  }

  private settled(wanted: InputsOf<K>): void {
    if (hasUnknown(wanted)) throw new ProviderError("bug", "a value is still unknown although the step is carried out");
  }

  private adopts(wanted: InputsOf<K>): boolean {
    return (wanted as { readonly adopt?: unknown }).adopt !== undefined;
  }

  private gone(id: string, wanted: InputsOf<K>): ProviderError {
    return new ProviderError("not-found", `${id} is gone from the host`, {
      where: this.where("update", wanted),
      hint: "Run a refresh; the next update makes it again.",
    });
  }

  private needsReplace(wanted: InputsOf<K>, property: string | undefined): ProviderError {
    return new ProviderError("invalid", "the change needs a replacement, which the plan did not announce", {
      where: { ...this.where("update", wanted), property },
      hint: "Refresh and preview again.",
    });
  }

  private where(verb: string, inputs: Partial<InputsOf<K>>) {
    const { name } = inputs as { readonly name?: unknown };
    return { verb, kind: this.kind.title, host: this.host.name, name: typeof name === "string" ? name : undefined };
  }

  private within<T>(verb: string, inputs: Partial<InputsOf<K>>, step: () => Promise<T>): Promise<T> {
    return within(this.where(verb, inputs), step);
  }
}
