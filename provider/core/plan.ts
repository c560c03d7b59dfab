import { differences, withNewWords } from "./compare.js";
import type { Change, Driver, Observed } from "./driver.js";
import type { InputsOf, Kind } from "./kind.js";
import type { Effect } from "./schema.js";

export interface Plan {
  readonly action: "none" | "update" | "replace";
  /** The worst effect of all changes. */
  readonly effect: Effect | undefined;
  readonly changes: readonly Change[];
}

/** What is compared and what it would be done to. */
export interface Sides<K extends Kind> {
  /** What is, cut down to what was declared. */
  readonly before: Partial<InputsOf<K>>;
  readonly wanted: InputsOf<K>;
  /** The resource as it is now, so that effects can depend on it. */
  readonly now: Observed<K> | undefined;
}

const RANK: Readonly<Record<Effect, number>> = { live: 0, restart: 1, replace: 2 };

/** The changes that lead from what is to what is wanted, each with its effect. Pure. */
export function plan<K extends Kind>(
  kind: K,
  driver: Pick<Driver<K, never>, "effects">,
  { before, wanted, now }: Sides<K>,
): Plan {
  const is = now === undefined ? before : withNewWords(kind.properties, before, wanted, now.properties);
  const changes = differences(kind.properties, is, wanted).map((difference): Change => {
    const effects = driver.effects as Readonly<Record<string, Driver<K, never>["effects"][never]>>;
    const verdict = effects[difference.property]?.(difference, now, wanted);
    return { ...difference, ...verdict };
  });
  const effect = changes.reduce<Effect | undefined>(
    (worst, c) => (worst === undefined || RANK[c.effect] > RANK[worst] ? c.effect : worst),
    undefined,
  );
  return { action: effect === undefined ? "none" : effect === "replace" ? "replace" : "update", effect, changes };
}
