import { project } from "../../core/compare.js";
import type { Driver, Observed } from "../../core/driver.js";
import { ProviderError } from "../../core/errors.js";
import type { InputsOf, Kind, OutputsOf } from "../../core/kind.js";
import { plan } from "../../core/plan.js";
import type { Fields } from "../../core/values.js";
import type { KindName } from "../../kinds/index.js";
import type { MemoryHost } from "./host.js";
import { withKept } from "./keep.js";
import type { Edit, Rules } from "./rules.js";
import { claims, named, shelf } from "./shelf.js";
import { idOf, type Stored, type World } from "./world.js";

const ADOPT = "Choose another name, or set `adopt` to its name to take it over.";

/** The verbs over a kind's rules. Each write is one edit of the world, so nothing is ever half done. */
export function driver<K extends Kind>(kind: K & { readonly name: KindName }, rules: Rules<K>): Driver<K, MemoryHost> {
  const on = (world: World) => shelf(kind, rules, world);
  return {
    support: rules.support,
    effects: rules.effects,
    list: async (host) => {
      const world = await host.read();
      return on(world)
        .all()
        .map((object) => ({
          id: object.id,
          name: named(object.properties).name ?? "",
          properties: {},
          outputs: outputs(rules, world, object, host),
          owner: named(object.properties).owner,
        }));
    },
    ...(rules.find && { find: async (host, word) => rules.find?.(await host.read(), word)?.id }),
    examine: async (host, wanted, now) => {
      const world = await host.read();
      const claim = now === undefined ? claims(kind.title, on(world), wanted) : undefined;
      const problems = rules.problems(world, wanted, now && on(world).byId(now.id));
      const hint = claim?.path === "name" && named(wanted).adopt === undefined ? `: ${ADOPT.slice(0, -1)}` : "";
      return claim ? [{ ...claim, reason: `${claim.reason}${hint}` }, ...problems] : problems;
    },
    observe: async (host, id) => {
      const world = await host.read();
      const object = on(world).byId(id);
      return object && { ...seen(kind, object), outputs: outputs(rules, world, object, host) };
    },
    create: async (host, wanted, step) =>
      step.made(
        await host.change((world) => {
          const { adopt } = named(wanted);
          refuseForeign(claims(kind.title, on(world), wanted), adopt);
          const adopted = adopt === undefined ? undefined : on(world).adopted(adopt);
          return adopted?.id ?? make(kind, rules, { world, wanted, host });
        }),
      ),
    update: (host, { id, wanted, changes }) =>
      host.change((world) => {
        const before = on(world).byId(id);
        if (before === undefined) throw new ProviderError("not-found", `${id} is gone from the host`);
        const restart = changes.some((c) => c.effect === "restart");
        const changed = new Set(changes.map((c) => c.property));
        write(kind, rules, world, { before, wanted, restart, next: next(kind, before, wanted, changed) });
      }),
    remove: (host, id, declared) =>
      host.change((world) => {
        const object = on(world).byId(id);
        if (object === undefined) return;
        const why = rules.needed(world, object, declared);
        if (why !== undefined) throw new ProviderError("busy", why, { hint: "Remove what uses it first." });
        on(world).drop(object);
      }),
  };
}

/** What is there is its owner's unfinished work: it is brought to what is wanted, unless that needs another object. */
function make<K extends Kind>(
  kind: K & { readonly name: KindName },
  rules: Rules<K>,
  { world, wanted, host }: { readonly world: World; readonly wanted: InputsOf<K>; readonly host: MemoryHost },
): string {
  const everything = new Set(Object.keys(kind.properties));
  const there = shelf(kind, rules, world).twin(wanted);
  if (there === undefined) {
    const id = idOf(kind.name, named(wanted).owner ?? "", rules.place(world, wanted) ?? "");
    const fresh: Stored<K> = { id, properties: {} as InputsOf<K> };
    write(kind, rules, world, {
      before: undefined,
      wanted,
      restart: false,
      next: next(kind, fresh, wanted, everything),
    });
    return id;
  }
  const now: Observed<K> = { ...seen(kind, there), outputs: outputs(rules, world, there, host) };
  const before = project(kind.properties, wanted, now.properties) as Partial<InputsOf<K>>;
  const { changes, effect } = plan<K>(kind, rules as never, { before, wanted, now });
  const other = changes.find((c) => c.effect === "replace");
  if (other)
    throw new ProviderError("exists", `it is on the host already, with another ${other.path}`, {
      where: { property: other.path },
      hint: "Remove it from the host, or declare it as it is.",
    });
  write(kind, rules, world, {
    before: there,
    wanted,
    restart: effect === "restart",
    next: next(kind, there, wanted, everything),
  });
  return there.id;
}

/** The object with the changed properties as wanted, and everything else as it is. */
function next<K extends Kind>(
  kind: K,
  before: Stored<K>,
  wanted: InputsOf<K>,
  changed: ReadonlySet<string>,
): Stored<K> {
  const was = before.properties as Fields;
  const properties: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(kind.properties)) {
    const writes = changed.has(name) || property.policy;
    const value = writes ? withKept(property, was[name], (wanted as Fields)[name]) : was[name];
    if (value !== undefined && name !== "adopt") properties[name] = value;
  }
  return { ...before, properties: properties as InputsOf<K> };
}

function write<K extends Kind>(kind: { readonly name: KindName }, rules: Rules<K>, world: World, edit: Edit<K>): void {
  const [problem] = rules.problems(world, edit.wanted, edit.before);
  if (problem) throw new ProviderError("invalid", problem.reason, { where: { property: problem.path } });
  shelf(kind, rules, world).put(rules.settle(world, edit));
}

function refuseForeign(claim: ReturnType<typeof claims>, adopt: string | undefined): void {
  if (claim === undefined) return;
  const [code, hint] = adopt === undefined ? (["exists", ADOPT] as const) : (["invalid", undefined] as const);
  throw new ProviderError(code, claim.reason, { where: { property: claim.path }, hint });
}

/** Every property, with `null` for a seed that is surely not there (a seed's text is not observed, see the kind). */
function seen<K extends Kind>(kind: K, { id, properties }: Stored<K>): Pick<Observed<K>, "id" | "properties"> {
  const has = properties as Fields;
  const known = Object.entries(kind.properties).map(([name, p]) => [
    name,
    has[name] ?? (p.unobserved ? null : undefined),
  ]);
  return { id, properties: Object.fromEntries(known) };
}

const outputs = <K extends Kind>(rules: Rules<K>, world: World, object: Stored<K>, { identity }: MemoryHost) =>
  ({ ...rules.outputs(world, object), host: identity }) as unknown as OutputsOf<K>;
