import type { Problem } from "../core/kind.js";
import { text } from "../core/schema.js";

/** Names that every hypervisor and file system here takes: no path, no white space at the ends, no control characters. */
export const checkName = (value: string): string | undefined => {
  if (value.length === 0 || value.length > 100) return "must have 1 to 100 characters";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what is refused here
  if (/[/\\\x00-\x1f<>&"']/.test(value)) return "must not contain slashes, quotes, <, >, & or control characters";
  return /^[.\s-]|\s$/.test(value) ? "must not begin with a dot, dash or space, nor end with a space" : undefined;
};

/** A text that becomes part of an XML document: printable, with line ends and tabs. */
export const checkText = (value: string): string | undefined =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the characters that XML 1.0 (section 2.2) cannot carry
  /[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ufffe\uffff]/.test(value) ? "must not contain control characters" : undefined;

export const checkAbsolutePath = (value: string): string | undefined => {
  // An XML attribute turns line ends and tabs into spaces.
  if (checkText(value) !== undefined || /[\t\n]/.test(value)) return "must not contain control characters";
  return /^(\/|[A-Za-z]:\\|\\\\)/.test(value) ? undefined : `must be an absolute path on the host, not "${value}"`;
};

/** White space and commas would part one field from the next in the files of name servers. */
export const checkHostName = (value: string): string | undefined =>
  /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$/.test(value)
    ? undefined
    : `must be a host name of letters, digits, dots, dashes and underscores, not "${value}"`;

/** What every kind has, whatever it is. */
export const common = {
  /** Filled in by the face. */
  owner: text({
    doc: "Who manages this: project and stack. Kept with the object on the host, so that a broken-off creation is recognised and nothing foreign is touched.",
    default: "",
    check: checkText,
    keep: true,
  }),
  adopt: text({
    doc: "Name or id of an object that exists on the host already: it is taken over as it is instead of being made. Has no effect later.",
    policy: true,
  }),
} as const;

interface Named {
  readonly name?: string | undefined;
  readonly adopt?: string | undefined;
}

/** Two resources that declare the same name mean the same object: one would change or delete what is the other's. */
export const sameName = (mine: Named, other: Named, who: string): Problem[] =>
  mine.name !== undefined && mine.name === other.name
    ? [{ path: "name", reason: `"${mine.name}" is declared by ${who} too: give each a name of its own` }]
    : [];
