import type { OpenHost } from "./engine.js";
import type { Kind } from "./kind.js";
import type { AnyProperty } from "./schema.js";
import { type Fields, isFields } from "./values.js";

/**
 * What is wanted, with each reference in the words of `before` where both mean the same object: the name of a pool and
 * its id are no difference. Asks the host only for references whose words differ.
 *
 * @throws what `Engine.find` throws when the host does not answer.
 */
export async function inWordsOf(kind: Kind, before: Fields, wanted: Fields, host: OpenHost): Promise<Fields> {
  const all: AnyProperty = { doc: "", shape: { type: "object", fields: kind.properties }, required: true };
  return (await reworded(all, before, wanted, host)) as Fields;
}

async function reworded(
  { shape, reference }: AnyProperty,
  before: unknown,
  wanted: unknown,
  host: OpenHost,
): Promise<unknown> {
  if (reference !== undefined && typeof before === "string" && typeof wanted === "string")
    return before !== wanted && (await meanTheSame(host, reference.kind, [before, wanted])) ? before : wanted;
  if (shape.type === "object" && isFields(before) && isFields(wanted)) {
    const fields = Object.entries(wanted).map(async ([name, value]) => {
      const inner = shape.fields[name];
      return [name, inner === undefined ? value : await reworded(inner, before[name], value, host)] as const;
    });
    return Object.fromEntries(await Promise.all(fields));
  }
  if (shape.type !== "list" || shape.key === undefined || !Array.isArray(before) || !Array.isArray(wanted))
    return wanted;
  const { field } = shape.key;
  const keyOf = (element: unknown) => (isFields(element) ? element[field] : undefined);
  const was = new Map(before.map((element) => [keyOf(element), element]));
  return Promise.all(wanted.map((element) => reworded(shape.items, was.get(keyOf(element)), element, host)));
}

async function meanTheSame(host: OpenHost, kind: string, words: readonly [string, string]): Promise<boolean> {
  const [one, other] = await Promise.all(words.map((word) => host.engine(kind).find(word)));
  return one !== undefined && one === other;
}
