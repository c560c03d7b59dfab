import type { OpenHost } from "../../core/engine.js";
import type { HostSettings } from "../../core/settings.js";

/** Where a command writes, and what it knows of its surroundings. */
export interface Io {
  /** The result. */
  out(text: string): void;
  /** Everything for a person: progress, errors. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by ^C. */
  readonly signal: AbortSignal;
}

/** The program around the commands. */
export interface Program {
  readonly version: string;
  /** Opens a host without asking it anything. Throws `invalid` for a URI that means none. */
  open(settings: HostSettings): Promise<OpenHost>;
}

/** An option: a flag, or a `text` with the word that stands for it in the help (`NAME`). */
export interface Option {
  readonly doc: string;
  readonly text?: string;
  /** May be given more than once. */
  readonly multiple?: boolean;
}

/** One call of a command, understood. */
export interface Call {
  readonly flags: ReadonlySet<string>;
  /** The texts given for an option, in order; empty when it was not given. */
  texts(option: string): readonly string[];
  readonly words: readonly string[];
  readonly io: Io;
  readonly program: Program;
}

export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Words behind the name: `[URI]`. As many words are accepted. */
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  /** Further lines of the help. */
  readonly help?: string;
  /** The exit code. A `ProviderError` becomes a sentence and the code 1; a `UsageError` the code 2. */
  run(call: Call): Promise<number>;
}

/** The command line cannot be understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Exit codes of all commands. */
export const Exit = { fine: 0, problems: 1, usage: 2 } as const;
