import { project } from "../../../core/compare.js";
import type { Listed, Observed } from "../../../core/driver.js";
import type { Engine, OpenHost } from "../../../core/engine.js";
import { isProviderError } from "../../../core/errors.js";
import type { Kind, Problem } from "../../../core/kind.js";
import { isFields } from "../../../core/values.js";
import { type KindName, kinds } from "../../../kinds/index.js";
import { type Place, places } from "./places.js";
import { wordsFor } from "./words.js";

type AnyListed = Listed<Kind>;
type AnyEngine = Engine<Kind, unknown>;
type Words = Record<string, unknown>;

/** An object of the host. */
export interface Thing {
  readonly kind: KindName;
  readonly id: string;
  readonly name: string;
}

/** An object that a declaration can take over without a change. */
export interface Declared extends Thing {
  /** What `adopt` has to be. */
  readonly adopt: string;
  readonly words: Words;
  /** Objects that are declared too and stand for values, by place (`disks.0.volume`). */
  readonly references: ReadonlyMap<string, Declared>;
  /** What the words do not say, as sentences. */
  readonly remarks: readonly string[];
}

/** An object that stays out of the program. */
export interface LeftOut extends Thing {
  readonly why: string;
}

export interface Survey {
  /** What others refer to comes first. */
  readonly declared: readonly Declared[];
  readonly leftOut: readonly LeftOut[];
}

/** Everything that a host has, by kind. */
export async function everything(host: OpenHost): Promise<ReadonlyMap<KindName, readonly AnyListed[]>> {
  const names = Object.keys(kinds) as KindName[];
  return new Map(await Promise.all(names.map(async (name) => [name, await host.engine(name).list()] as const)));
}

/** Looks at the wanted objects and at those they refer to, and works out how each is declared. Changes nothing. */
export async function survey(
  host: OpenHost,
  all: ReadonlyMap<KindName, readonly AnyListed[]>,
  wanted: readonly Thing[],
): Promise<Survey> {
  const found = new Map<string, Promise<Declared | LeftOut>>();
  const order: (Declared | LeftOut)[] = [];
  const look = (kind: KindName, listed: AnyListed): Promise<Declared | LeftOut> => {
    const key = `${kind} ${listed.id}`;
    const known = found.get(key);
    if (known) return known;
    const answer = new Observer(host, kind, listed, refer).declare().then((thing) => {
      order.push(thing);
      return thing;
    });
    found.set(key, answer);
    return answer;
  };
  const refer = async ({ kind, output, value }: Place): Promise<Declared | LeftOut | undefined> => {
    const listed = all.get(kind as KindName)?.find((one) => means(one, output, value));
    return listed && look(kind as KindName, listed);
  };
  for (const { kind, id } of wanted) {
    const listed = all.get(kind)?.find((one) => one.id === id);
    if (listed) await look(kind, listed);
  }
  const isDeclared = (thing: Declared | LeftOut): thing is Declared => "words" in thing;
  return {
    declared: order.filter(isDeclared),
    leftOut: order.filter((thing): thing is LeftOut => !isDeclared(thing)),
  };
}

const means = ({ id, name, outputs }: AnyListed, output: string, value: string): boolean =>
  output === "id" ? id === value || name === value : (outputs as Words)[output] === value;

/** One look at one object. */
class Observer {
  private readonly engine: AnyEngine;
  private readonly remarks: string[] = [];
  private readonly references = new Map<string, Declared>();

  constructor(
    host: OpenHost,
    private readonly kind: KindName,
    private readonly listed: AnyListed,
    private readonly refer: (place: Place) => Promise<Declared | LeftOut | undefined>,
  ) {
    this.engine = host.engine(kind);
  }

  async declare(): Promise<Declared | LeftOut> {
    // As somebody sees it who leaves everything out: what fits the defaults need not be said.
    const nothing = this.engine.check({ name: this.listed.name }).inputs;
    const now = await this.engine.observe(this.listed.id, nothing).catch(unreadable);
    if (typeof now === "string") return this.out(now);
    if (now === undefined) return this.out("it went away while it was looked at");
    const { owner } = now.properties as { readonly owner?: string };
    const whose = owner || this.listed.owner;
    if (whose) return this.out(`it belongs to ${whose} already`);
    const { properties } = this.engine.kind;
    const words = wordsFor(properties, { ...now.properties, ...this.listed.properties });
    for (const place of places(properties, words)) await this.settle(place);
    const impossible = await this.fit(words);
    if (impossible !== undefined) return this.out(impossible);
    const { beyond = [] } = now;
    const remarks = [...(beyond.length === 0 ? [] : [`Stays as it is: ${beyond.join(", ")}.`]), ...this.remarks];
    return { ...this.thing(), adopt: this.adopt(), words, references: this.references, remarks };
  }

  private thing(): Thing {
    return { kind: this.kind, id: this.listed.id, name: this.listed.name };
  }

  private out(why: string): LeftOut {
    return { ...this.thing(), why };
  }

  /** A name that looks like an id would be taken for one. */
  private adopt(): string {
    const { id, name } = this.listed;
    return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name) ? id : name;
  }

  /** A value becomes what it stands for, or the plain word for what is not declared. */
  private async settle(place: Place): Promise<void> {
    const { holder, field, value, otherwise, path } = place;
    const target = await this.refer(place);
    if (target !== undefined && "words" in target) {
      this.references.set(path, target);
      if (place.output === "id") holder[field] = target.id;
    } else if (target !== undefined) this.remarks.push(`${path} is "${value}", which is not declared here.`);
    else if (otherwise !== undefined) {
      holder[otherwise] = value;
      delete holder[field];
    }
  }

  /**
   * Takes words away until nothing and nobody objects and adopting it would change nothing. The reason why that cannot be;
   * `undefined` when the words fit.
   */
  private async fit(words: Words): Promise<string | undefined> {
    for (;;) {
      const [problem] = await this.problems(words);
      if (problem === undefined) return undefined;
      const name = problem.path.split(/[.[]/)[0] ?? "";
      const property = this.engine.kind.properties[name];
      const may = name in words && property !== undefined && !property.required && property.default === undefined;
      if (!may) return `${problem.path} ${problem.reason}`;
      delete words[name];
      for (const path of this.references.keys()) if (path.split(".")[0] === name) this.references.delete(path);
      this.remarks.push(`Stays as it is: ${name}, because ${problem.path} ${problem.reason}.`);
    }
  }

  private async problems(words: Words): Promise<readonly Problem[]> {
    const { engine } = this;
    const { name } = this.listed;
    const { inputs, problems } = engine.check({ ...words, name, adopt: this.adopt() });
    if (problems.length > 0) return problems;
    const refused = await engine.examine(inputs);
    if (refused.length > 0) return refused;
    const now = await engine.observe(this.listed.id, inputs);
    return now === undefined ? [] : this.changes(inputs, now);
  }

  private changes(inputs: ReturnType<AnyEngine["check"]>["inputs"], now: Observed<Kind>): readonly Problem[] {
    const before = project(this.engine.kind.properties, inputs, now.properties) as typeof inputs;
    return this.engine
      .plan(before, inputs as never, now)
      .changes.filter(({ property }) => property !== "owner")
      .map((change) => ({ path: change.path, reason: `is ${shown(change.before)}, which cannot be declared` }));
  }
}

/** What the host cannot tell of one object does not keep the others out. */
function unreadable(error: unknown): string {
  if (isProviderError(error, "failed", "hidden")) return error.fact;
  throw error;
}

const shown = (value: unknown): string =>
  value === undefined ? "something else" : isFields(value) ? "of another form" : JSON.stringify(value);
