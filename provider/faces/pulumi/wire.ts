import type { AnyProperty, Properties } from "../../core/schema.js";
import { type Fields, isFields, isUnknown, UNKNOWN } from "../../core/values.js";

/** How the engine spells a value that a preview does not know. Protocol constant (`unknownValue` of the Node SDK). */
export const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** Key and value that mark an object as the wrapper of a secret. Protocol constants (`specialSigKey`, `specialSecretSig`). */
export const SIGNATURE = "4dabf18193072939515e22adb298388d";
export const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** What the engine sent, with unknowns as the core knows them and without wrappers. */
export function decode(value: unknown): unknown {
  if (value === UNKNOWN_TEXT) return UNKNOWN;
  if (Array.isArray(value)) return value.map(decode);
  if (!isFields(value)) return value ?? undefined;
  if (value[SIGNATURE] === SECRET) return decode(value["value"]);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, decode(inner)]));
}

/**
 * Fields as the engine takes them: no `undefined` at any depth, unknowns spelled out, and each secret property, also
 * one inside another, in the wrapper that keeps it encrypted in the state and out of every display.
 */
export function encode(properties: Properties, fields: Fields): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    const plain = encodeOne(properties[key], value);
    if (plain !== undefined) out[key] = plain;
  }
  return out;
}

function encodeOne(property: AnyProperty | undefined, value: unknown): unknown {
  if (isUnknown(value)) return UNKNOWN_TEXT;
  if (value === undefined || value === null) return undefined;
  const plain = encodeShape(property, value);
  return property?.secret === true ? { [SIGNATURE]: SECRET, value: plain } : plain;
}

function encodeShape(property: AnyProperty | undefined, value: unknown): unknown {
  const shape = property?.shape;
  if (Array.isArray(value)) {
    const items = shape?.type === "list" ? shape.items : undefined;
    return value.map((v) => encodeOne(items, v) ?? null);
  }
  if (!isFields(value)) return value;
  if (shape?.type === "object") return encode(shape.fields, value);
  const values = shape?.type === "map" ? shape.values : undefined;
  return encode(Object.fromEntries(Object.keys(value).map((key) => [key, values ?? ANY])), value);
}

const ANY: AnyProperty = { doc: "", shape: { type: "text" }, required: false };
