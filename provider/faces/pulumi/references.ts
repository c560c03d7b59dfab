import type { OpenHost } from "../../core/engine.js";
import type { Kind, Problem } from "../../core/kind.js";
import type { AnyProperty, Shape } from "../../core/schema.js";
import { type Fields, isFields, isUnknown } from "../../core/values.js";
import type { Entry } from "./state.js";

/**
 * What is declared, with the values that a preview does not know although they stand already. Pulumi gives no outputs of
 * a resource that is changed in place, only its id; what refers to such an output would look changed too. An id that
 * is known belongs to something that exists and stays, so the host tells the output. What it does not tell stays unknown.
 */
export async function resolved(kind: Kind, { declared, references }: Entry, host: OpenHost): Promise<Fields> {
  let result: unknown = declared;
  for (const [place, { id }] of Object.entries(references)) {
    const steps = place.split(".");
    const reference = propertyAt({ type: "object", fields: kind.properties }, steps)?.reference;
    if (reference === undefined || id === undefined || !isUnknown(valueAt(declared, steps))) continue;
    const seen = await host
      .engine(reference.kind)
      .observe(id, {})
      .catch(() => undefined);
    const outputs: Fields = seen?.outputs ?? {};
    if (outputs[reference.output] !== undefined) result = withValue(result, steps, outputs[reference.output]);
  }
  return isFields(result) ? result : declared;
}

/** What is declared together and is not on one host, `host`: a path or an id would mean something else there, or nothing. */
export const elsewhere = ({ references }: Entry, host: string): Problem[] =>
  Object.entries(references).flatMap(([place, reference]) =>
    reference.host === undefined || reference.host === host
      ? []
      : [{ path: place.replace(/\.(\d+)/g, "[$1]"), reason: `is on another host, ${reference.host}` }],
  );

function propertyAt(shape: Shape, [step, ...rest]: readonly string[]): AnyProperty | undefined {
  if (step === undefined) return undefined;
  const inner =
    shape.type === "object"
      ? shape.fields[step]
      : shape.type === "list"
        ? shape.items
        : shape.type === "map"
          ? shape.values
          : undefined;
  return inner === undefined || rest.length === 0 ? inner : propertyAt(inner.shape, rest);
}

function valueAt(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return value;
  if (Array.isArray(value)) return valueAt(value[Number(step)], rest);
  return isFields(value) ? valueAt(value[step], rest) : undefined;
}

function withValue(value: unknown, [step, ...rest]: readonly string[], leaf: unknown): unknown {
  if (step === undefined) return leaf;
  if (Array.isArray(value)) return value.map((v, i) => (i === Number(step) ? withValue(v, rest, leaf) : v));
  return isFields(value) ? { ...value, [step]: withValue(value[step], rest, leaf) } : value;
}
