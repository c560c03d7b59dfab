import type { InputsOf, Kind, Problem } from "../../core/kind.js";
import type { KindName } from "../../kinds/index.js";
import type { Rules } from "./rules.js";
import type { Stored, World } from "./world.js";

/** What every kind has. */
interface Named {
  readonly name?: string;
  readonly owner?: string;
  readonly adopt?: string;
}

/** The properties that every kind has. */
export const named = (properties: unknown) => properties as Named;

/** The objects of one kind in a world: how they are found, and whose they are. */
export interface Shelf<K extends Kind> {
  /** Those that the host shows. */
  all(): readonly Stored<K>[];
  byId(id: string): Stored<K> | undefined;
  /** The object that stands where `wanted` would stand. */
  twin(wanted: Partial<InputsOf<K>>): Stored<K> | undefined;
  /** What `adopt` names, by id or by name. */
  adopted(adopt: string): Stored<K> | undefined;
  put(object: Stored<K>): void;
  drop(object: Stored<K>): void;
}

export function shelf<K extends Kind>(kind: { readonly name: KindName }, rules: Rules<K>, world: World): Shelf<K> {
  const all = world[kind.name] as unknown as Stored<K>[];
  // An object without a place is a file that no pool shows any more.
  const seen = () => all.filter((o) => rules.place(world, o.properties) !== undefined);
  const byId = (id: string) => seen().find((o) => o.id === id);
  const drop = ({ id }: Stored<K>) => {
    const at = all.findIndex((o) => o.id === id);
    if (at >= 0) all.splice(at, 1);
  };
  return {
    all: seen,
    byId,
    twin: (wanted) => {
      const place = rules.place(world, wanted);
      return seen().find((o) => rules.place(world, o.properties) === place);
    },
    adopted: (adopt) => byId(adopt) ?? seen().find((o) => named(o.properties).name === adopt),
    put: (object) => {
      drop(object);
      all.push(object);
    },
    drop,
  };
}

const isMine = ({ properties }: { readonly properties: unknown }, wanted: unknown) =>
  (named(properties).owner ?? "") === (named(wanted).owner ?? "");

/** Why `wanted` may not have its object: it belongs to somebody else, or what it adopts is not that. */
export function claims<K extends Kind>(title: string, on: Shelf<K>, wanted: Partial<InputsOf<K>>): Problem | undefined {
  const { adopt, name } = named(wanted);
  if (adopt === undefined) {
    const there = on.twin(wanted);
    return there === undefined || isMine(there, wanted)
      ? undefined
      : { path: "name", reason: `"${name}" is on the host already and belongs to somebody else` };
  }
  const found = on.adopted(adopt);
  if (found === undefined) return { path: "adopt", reason: `there is no ${title} "${adopt}" on the host` };
  const has = named(found.properties).name;
  return name === undefined || has === name
    ? undefined
    : { path: "name", reason: `must be "${has}", the name of what is adopted` };
}
