import type { Properties, Shape } from "../../../core/schema.js";
import { isFields } from "../../../core/values.js";

/** A value that another object of the host may stand for. */
export interface Place {
  /** Where it is: `disks.0.volume`. */
  readonly path: string;
  /** The object that has it, which is not a copy. */
  readonly holder: Record<string, unknown>;
  readonly field: string;
  readonly value: string;
  readonly kind: string;
  readonly output: string;
  /** The field that takes what is no such object. */
  readonly otherwise: string | undefined;
}

/** All values of words that may refer to other objects, in the order of the words. */
export function places(properties: Properties, words: Record<string, unknown>, path = ""): Place[] {
  return Object.entries(words).flatMap(([field, value]): Place[] => {
    const property = properties[field];
    if (property === undefined) return [];
    const here = path === "" ? field : `${path}.${field}`;
    if (property.reference === undefined || typeof value !== "string") return below(property.shape, value, here);
    const { kind, output, otherwise } = property.reference;
    return [{ path: here, holder: words, field, value, kind, output, otherwise }];
  });
}

function below(shape: Shape, value: unknown, path: string): Place[] {
  if (shape.type === "object" && isFields(value)) return places(shape.fields, value as Record<string, unknown>, path);
  if (shape.type === "list" && Array.isArray(value))
    return value.flatMap((element: unknown, i) => below(shape.items.shape, element, `${path}.${i}`));
  return [];
}
