import { DOMParser, type Document, type Element, type Node, XMLSerializer } from "@xmldom/xmldom";
import { ProviderError } from "../../core/errors.js";

export type { Element };

/** An element to be written: name, attributes (those that are `undefined` are left out), children or text. */
export type Tree = readonly [name: string, attributes?: Attributes, ...content: (Tree | string | undefined | false)[]];
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** The root element of a document from the host. Throws `failed`, naming `what`, when it is not well-formed. */
export function parseXml(text: string, what: string): Element {
  let fault: string | undefined;
  const note = (_level: string, message: string) => {
    // A character like any other (U+FFFD), which somebody may have written.
    if (!message.startsWith("Unicode replacement character")) fault ??= message;
  };
  let root: Element | null = null;
  try {
    root = new DOMParser({ onError: note, normalizeLineEndings }).parseFromString(text, "text/xml").documentElement;
  } catch (error) {
    fault ??= error instanceof Error ? error.message : String(error);
  }
  if (root === null || fault !== undefined)
    throw new ProviderError(
      "failed",
      `the host's description of ${what} is not well-formed XML (${fault ?? "it is empty"})`,
    );
  return root;
}

/** As XML 1.0 has it, which libvirt speaks; the parser's own turns U+0085 and U+2028 into line feeds, as XML 1.1 does. */
const normalizeLineEndings = (text: string): string => text.replaceAll(/\r\n?/g, "\n");

export const toText = (element: Element): string => new XMLSerializer().serializeToString(element);

const isElement = (node: Node): node is Element => node.nodeType === 1;
export const elements = (parent: Element): Element[] => Array.from(parent.childNodes).filter(isElement);
/** Child elements of that name, in document order. Namespaced elements are told by their local name and `namespace`. */
export const childrenOf = (parent: Element, name: string, namespace?: string): Element[] =>
  elements(parent).filter((e) => e.localName === name && (namespace === undefined || e.namespaceURI === namespace));

/** The first element at a path of names below `parent`: `os/firmware`. */
export function find(parent: Element, path: string): Element | undefined {
  let here: Element | undefined = parent;
  for (const name of path.split("/")) here = here && childrenOf(here, name)[0];
  return here;
}

/** The elements of that name in the one at `path`; none where there is no such one. */
export function childrenAt(parent: Element, path: string, name: string): Element[] {
  const holder = find(parent, path);
  return holder === undefined ? [] : childrenOf(holder, name);
}

/** The file or block device that a disk, or a file below one, names as its source. */
export const sourceFile = (disk: Element): string | undefined =>
  attributeAt(disk, "source", "file") ?? attributeAt(disk, "source", "dev");

export const textAt = (parent: Element, path: string): string | undefined =>
  find(parent, path)?.textContent ?? undefined;

/** An attribute of the element at `path`; `undefined` where either is absent. */
export const attributeAt = (parent: Element, path: string, name: string): string | undefined =>
  attribute(find(parent, path), name);
export const attribute = (element: Element | undefined, name: string): string | undefined =>
  element?.getAttribute(name) ?? undefined;

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  KB: 1e3,
  k: 2 ** 10,
  KiB: 2 ** 10,
  MB: 1e6,
  M: 2 ** 20,
  MiB: 2 ** 20,
  GB: 1e9,
  G: 2 ** 30,
  GiB: 2 ** 30,
  TB: 1e12,
  T: 2 ** 40,
  TiB: 2 ** 40,
};

/**
 * A size with its `unit` attribute, in bytes. `unit` is what an absent attribute means: KiB for domains, bytes for volumes.
 *
 * @throws `failed`, naming the element, when it holds no size.
 */
export function sizeAt(parent: Element, path: string, unit: "KiB" | "bytes"): number | undefined {
  const element = find(parent, path);
  if (element === undefined) return undefined;
  const said = attribute(element, "unit") ?? unit;
  const size = numberOf(path, element.textContent ?? "") * (UNITS[said] ?? Number.NaN);
  // Some file servers tell of more room than a number holds exactly.
  if (Number.isFinite(size)) return size;
  throw garbled(path, `${element.textContent} ${said}`);
}

/**
 * What an element or attribute of the host's description says as a whole number.
 *
 * @throws `failed`, naming `what` it is, when it is none.
 */
export function numberOf(what: string, text: string): number {
  if (/^\s*\d{1,20}\s*$/.test(text)) return Number(text);
  throw garbled(what, text);
}

const garbled = (what: string, text: string): ProviderError =>
  new ProviderError("failed", `the host's description says ${JSON.stringify(text)} in <${what}>, which is no number`, {
    hint: "Look at the definition on the host; libvirt itself writes no such thing.",
  });

/** Appends a tree to an element of a document and returns it. */
export function append(parent: Element, tree: Tree, before: Element | null = null): Element {
  const made = build(parent.ownerDocument as Document, tree);
  parent.insertBefore(made, before);
  return made;
}

/** The element at `path` below `parent`, made when it is missing. */
export function ensure(parent: Element, path: string): Element {
  let here = parent;
  for (const name of path.split("/")) here = childrenOf(here, name)[0] ?? append(here, [name]);
  return here;
}

/** Sets attributes; those that are `undefined` are taken away. */
export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes))
    if (value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, String(value));
}

/** Replaces the text of the element at `path`; `undefined` removes the element. */
export function setText(parent: Element, path: string, text: string | undefined): void {
  if (text === undefined) removeElement(find(parent, path));
  else ensure(parent, path).textContent = text;
}

export const removeElement = (element: Element | undefined): void => {
  element?.parentNode?.removeChild(element);
};

/** A tree as text, escaped. */
export function write(tree: Tree): string {
  const document = new DOMParser().parseFromString("<x/>", "text/xml");
  return toText(build(document, tree));
}

const XMLNS = "http://www.w3.org/2000/xmlns/";

/** `known` holds the prefixes that elements above have declared. */
function build(document: Document, tree: Tree, known: Readonly<Record<string, string>> = {}): Element {
  const [name, attributes = {}, ...content] = tree;
  const prefixes = { ...known };
  for (const [key, value] of Object.entries(attributes))
    if (key.startsWith("xmlns:") && value !== undefined) prefixes[key.slice(6)] = String(value);
  const prefix = name.includes(":") ? name.split(":")[0] : undefined;
  const namespace = prefix === undefined ? null : (prefixes[prefix] ?? null);
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    if (key.startsWith("xmlns:")) made.setAttributeNS(XMLNS, key, String(value));
    else made.setAttribute(key, String(value));
  }
  for (const part of content) {
    if (part === undefined || part === false) continue;
    made.appendChild(typeof part === "string" ? document.createTextNode(part) : build(document, part, prefixes));
  }
  return made;
}
