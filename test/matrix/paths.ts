import type { AnyProperty, Properties } from "../../provider/core/schema.js";
import type { Words } from "../contract/fixture.js";

/** Every place of a kind's declaration: `cloudInit`, `cloudInit.userData`, `disks`, `disks[].bus`. */
export const pathsOf = (properties: Properties, prefix = ""): readonly string[] =>
  Object.entries(properties).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    return [path, ...inside(property, path)];
  });

function inside({ shape }: AnyProperty, path: string): readonly string[] {
  if (shape.type === "object") return pathsOf(shape.fields, `${path}.`);
  if (shape.type === "list" && shape.items.shape.type === "object")
    return pathsOf(shape.items.shape.fields, `${path}[].`);
  return [];
}

/** The properties on the way to a place: all of them, outermost first. */
export function propertiesAt(properties: Properties, path: string): readonly AnyProperty[] {
  const [head = "", ...rest] = path.split(".");
  const property = properties[head.replace("[]", "")];
  if (property === undefined) throw new Error(`there is no ${path}`);
  const { shape } = property.shape.type === "list" ? property.shape.items : property;
  if (rest.length === 0 || shape.type !== "object") return [property];
  return [property, ...propertiesAt(shape.fields, rest.join("."))];
}

/** The words with a value at a place; in a list its last element has it. `undefined` takes it out. */
export function put(words: Words, path: string, value: unknown): Words {
  const [head = "", ...rest] = path.split(".");
  const name = head.replace("[]", "");
  if (rest.length === 0) return without({ ...words, [name]: value });
  const below = rest.join(".");
  const there = words[name];
  if (!head.endsWith("[]")) return { ...words, [name]: put((there ?? {}) as Words, below, value) };
  const list = (there ?? []) as readonly Words[];
  return { ...words, [name]: [...list.slice(0, -1), put(list.at(-1) ?? {}, below, value)] };
}

const without = (words: Words): Words => Object.fromEntries(Object.entries(words).filter(([, v]) => v !== undefined));
