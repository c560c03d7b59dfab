import { NAMESPACE } from "../../provider/backends/libvirt/identity.js";
import { type Element, elements, parseXml, removeElement } from "../../provider/backends/libvirt/xml.js";

/** Parts that say what a host is doing, not what was wished. */
const FLEETING = new Set(["allocation", "available", "physical", "timestamps"]);

/**
 * A document of libvirt as lines in which only the meaning counts: one for each element with its path, attributes in order,
 * and its text. What crossvisor notes in the metadata is left out; elements of the same place keep their order.
 */
export function canonical(xml: string): string[] {
  const root = parseXml(xml, "it");
  const mine = (e: Element): boolean => e.namespaceURI === NAMESPACE && e.localName === "object";
  const clean = (e: Element): void => {
    for (const child of elements(e)) {
      if (mine(child) || FLEETING.has(child.localName ?? "")) removeElement(child);
      else clean(child);
    }
    for (const child of elements(e))
      if (child.localName === "metadata" && elements(child).length === 0) removeElement(child);
  };
  clean(root);
  return lines(root, "").sort();
}

function lines(element: Element, path: string): string[] {
  const inner = elements(element);
  const attributes = Array.from(element.attributes)
    .filter(({ name }) => !name.startsWith("xmlns"))
    .map(({ name, value }) => `${name}=${JSON.stringify(value)}`)
    .sort();
  const here = `${path}/${element.localName}`;
  const text = inner.length === 0 ? (element.textContent ?? "").trim() : "";
  const told = `${here} ${attributes.join(" ")}${text === "" ? "" : ` ${JSON.stringify(text)}`}`;
  const counts = new Map<string, number>();
  return [
    told,
    ...inner.flatMap((child) => {
      const name = child.localName ?? "";
      const place = counts.get(name) ?? 0;
      counts.set(name, place + 1);
      return lines(child, place === 0 ? here : `${here}`).map((line) =>
        line.replace(`${here}/${name}`, `${here}/${name}[${place}]`),
      );
    }),
  ];
}

/** Lines that only one of two documents has, with a sign for which. */
export function changed(before: string, after: string): string[] {
  const [was, will] = [canonical(before), canonical(after)];
  return [
    ...was.filter((line) => !will.includes(line)).map((line) => `- ${line}`),
    ...will.filter((line) => !was.includes(line)).map((line) => `+ ${line}`),
  ];
}

/** The same wherever the lines stand: an element that another one was put in front of is the same. */
export function changedAnywhere(before: string, after: string): string[] {
  const [was, will] = [before, after].map((xml) => canonical(xml).map((line) => line.replace(/\[\d+\]/g, "")));
  return [
    ...without(was ?? [], will ?? []).map((line) => `- ${line}`),
    ...without(will ?? [], was ?? []).map((line) => `+ ${line}`),
  ];
}

/** What is left of a list when each line of another one has taken one of its like away. */
function without(list: readonly string[], other: readonly string[]): readonly string[] {
  const rest = [...other];
  return list.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
