import { appendFileSync } from "node:fs";
import type { Heard } from "./link.js";

/**
 * Writes what is asked and answered to a file, a line of JSON each, so that a user with a host of their own can send us
 * what it says. Names, texts, paths, addresses and ids become others, the same ones for the same; what stays are the
 * words and numbers of Windows. Without a file nothing is heard.
 */
export function recorder(path: string | undefined): Heard | undefined {
  if (path === undefined || path === "") return undefined;
  const masks = new Map<string, string>();
  return (way, line) =>
    appendFileSync(path, `${JSON.stringify({ [way]: masked(line, "", masks) })}\n`, { mode: 0o600 });
}

/** Texts under these names are words of Windows or of ours. All others may be somebody's, and are masked. */
const PLAIN = new Set([
  ...["category", "command", "results", "type", "line", "what", "mode", "controller", "format", "state", "version"],
  ...["heartbeat", "startAction", "stopAction", "checkpointType", "template", "templateId", "powershell", "module"],
  ...["vmms", "sshd", "versions", "modified", "macMinimum", "macMaximum", "allowed"],
]);
/** An id of an error, such as `InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM`, and a name of a request. */
const OURS = /^[\w.]+(,[\w.-]+)?$/;

function masked(value: unknown, name: string, masks: Map<string, string>, inError = false): unknown {
  if (typeof value === "string") {
    if (PLAIN.has(name) || value === "" || (inError && name === "id" && OURS.test(value))) return value;
    return mask(value, masks);
  }
  if (Array.isArray(value)) return value.map((part) => masked(part, name, masks, inError));
  if (typeof value !== "object" || value === null) return value;
  const isRequest = name === "" && "args" in value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => {
      if (key === "data") return [key, `${String(part).length} characters`];
      if (isRequest && key === "name") return [key, part];
      return [key, masked(part, key, masks, name === "error")];
    }),
  );
}

function mask(text: string, masks: Map<string, string>): string {
  const key = text.toLowerCase();
  const known = masks.get(key);
  if (known !== undefined) return known;
  const made = disguise(text, masks.size + 1, masks);
  masks.set(key, made);
  return made;
}

/** Something of the same form, so that what reads it reads a record as it reads a host. */
function disguise(text: string, n: number, masks: Map<string, string>): string {
  const hex = (digits: number): string => n.toString(16).padStart(digits, "0");
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return `00000000-0000-0000-0000-${hex(12)}`;
  if (/^[0-9A-F]{12}$/i.test(text)) return `00155D${hex(6).toUpperCase()}`;
  if (/^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(text)) return text.replace(/^[\d.]+/, `10.0.${n >> 8}.${n & 255}`);
  if (/^[0-9a-f:]*:[0-9a-f:]+$/i.test(text)) return `fd00::${hex(4)}`;
  if (/[\\/]/.test(text)) {
    const part = (segment: string): string =>
      segment === "" || /^[A-Za-z]:$/.test(segment) ? segment : withExtension(segment, masks);
    return text.split(/[\\/]/).map(part).join("\\");
  }
  return `text${n}`;
}

const withExtension = (segment: string, masks: Map<string, string>): string => {
  const [, stem = segment, extension = ""] = /^(.*?)(\.(?:a?vhdx?|vhds|iso|vmcx))?$/i.exec(segment) ?? [];
  return `${mask(stem, masks)}${extension.toLowerCase()}`;
};
