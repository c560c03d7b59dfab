import { type Fields, isFields } from "../../core/values.js";

/** What the notes of an object hold: the text of its user, and what crossvisor keeps with it. */
export interface Notes {
  readonly text: string;
  /** `undefined` for an object that carries no mark. */
  readonly mark: Fields | undefined;
}

/** The last line of notes that carry a mark begins so, and JSON in ASCII follows. */
const BEGIN = "#managed-by:crossvisor;v=1;";

const ascii = (text: string): string =>
  text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Hosts change line ends and take white space away at the end of notes. */
const settled = (text: string): string => text.replaceAll("\r\n", "\n").trimEnd();

/**
 * The notes of a host for a text and a mark. The text stands first, for people; where the host could not give it back
 * as it is, the mark keeps it too.
 */
export function writeNotes(text: string, mark: Fields): string {
  const kept = settled(text) === text && !text.includes("\n") ? mark : { ...mark, text };
  const line = `${BEGIN}${ascii(JSON.stringify(kept))}`;
  return text === "" ? line : `${text}\n${line}`;
}

/** A mark that somebody spoilt is none: the object belongs to nobody then. Never throws. */
export function readNotes(notes: string): Notes {
  const lines = notes.replaceAll("\r\n", "\n").trimEnd().split("\n");
  const last = lines.pop() ?? "";
  const mark = last.startsWith(BEGIN) ? parsed(last.slice(BEGIN.length)) : undefined;
  if (mark === undefined) return { text: notes, mark: undefined };
  const { text: exact, ...rest } = mark;
  const shown = lines.join("\n");
  // Somebody may have edited the text since.
  const text = typeof exact === "string" && settled(exact) === settled(shown) ? exact : shown;
  return { text, mark: rest };
}

function parsed(json: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
