import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { isAbsolute, join } from "node:path";
import { type Directive, type Line, parse } from "ssh-config";
import { ProviderError } from "../core/errors.js";
import { globToRegExp, matchesPatterns } from "./patterns.js";

/** The directives that hold for one host: lower-case names, the values in the order of the file. */
export type Directives = ReadonlyMap<string, readonly string[]>;

/** What a configuration is asked for. */
export interface Question {
  /** The name as the user gave it, which `Host` lines are compared with. */
  readonly host: string;
  /** The user already chosen, if any; `Match user` is compared with it. */
  readonly user?: string | undefined;
  readonly localUser: string;
}

/** Directives of which every occurrence counts; of all others the first one wins (ssh_config(5)). */
const repeated = new Set(["identityfile", "certificatefile"]);
const includeDepth = 16;

/**
 * Reads OpenSSH client configuration and collects what it says about one host, as ssh does: first value wins, `Host`,
 * `Match` (all, host, originalhost, user, localuser, each with negation) and `Include` anywhere. `Match exec`,
 * `canonical`, `final` and `tagged` never match: nothing is executed and no name is canonicalised.
 *
 * A missing file says nothing. A file that cannot be read as configuration is an `invalid` error that names it.
 */
export function readSshConfig(files: readonly string[], question: Question): Directives {
  const walk = new Walk(question);
  for (const file of files) walk.file(file, { active: true, depth: 0 });
  return walk.found;
}

interface Place {
  readonly active: boolean;
  readonly depth: number;
}

const isDirective = (line: Line): line is Directive => "param" in line;

const words = (directive: Directive): string[] =>
  typeof directive.value === "string" ? [directive.value] : directive.value.map(({ val }) => val);

class Walk {
  readonly found = new Map<string, string[]>();
  readonly #question: Question;

  constructor(question: Question) {
    this.#question = question;
  }

  file(path: string, place: Place): void {
    if (place.depth > includeDepth) {
      throw new ProviderError("invalid", `${path}: Include is nested more than ${includeDepth} deep`);
    }
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch {
      return;
    }
    let lines: readonly Line[];
    try {
      lines = parse(text);
    } catch (cause) {
      throw new ProviderError("invalid", `the SSH configuration ${path} cannot be read`, {
        hint: "ssh -G HOST prints what is wrong with it.",
        cause,
      });
    }
    this.#lines(lines, path, place);
  }

  #lines(lines: readonly Line[], path: string, place: Place): void {
    for (const line of lines) {
      if (!isDirective(line)) continue;
      const name = line.param.toLowerCase();
      if (name === "host" || name === "match") {
        const here =
          name === "host" ? matchesPatterns(words(line).flatMap(split), this.#question.host) : this.#match(line);
        if ("config" in line) this.#lines(line.config, path, { ...place, active: place.active && here });
      } else if (!place.active) {
      } else if (name === "include") {
        const base = path.startsWith("/etc/ssh") ? "/etc/ssh" : join(homedir(), ".ssh");
        for (const pattern of words(line)) {
          for (const file of expandPath(pattern, base)) this.file(file, { ...place, depth: place.depth + 1 });
        }
      } else {
        this.#set(name, words(line));
      }
    }
  }

  #set(name: string, values: readonly string[]): void {
    const known = this.found.get(name);
    if (known === undefined) this.found.set(name, [...values]);
    else if (repeated.has(name)) known.push(...values);
  }

  #match(line: Directive): boolean {
    const criteria = words(line);
    for (let i = 0; i < criteria.length; i++) {
      const criterion = (criteria[i] ?? "").toLowerCase();
      const negated = criterion.startsWith("!");
      const key = negated ? criterion.slice(1) : criterion;
      if (key === "all") continue;
      if (key === "canonical" || key === "final") {
        if (!negated) return false;
        continue;
      }
      const subject = this.#subject(key);
      const patterns = split(criteria[++i] ?? "");
      if (subject === undefined || matchesPatterns(patterns, subject) === negated) return false;
    }
    return true;
  }

  #subject(key: string): string | undefined {
    const { host, user, localUser } = this.#question;
    switch (key) {
      case "host":
        return (this.found.get("hostname")?.[0] ?? host).replaceAll("%h", host);
      case "originalhost":
        return host;
      case "user":
        return user ?? this.found.get("user")?.[0] ?? localUser;
      case "localuser":
        return localUser;
      default:
        return undefined;
    }
  }
}

const split = (list: string): string[] => list.split(",").filter((word) => word !== "");

/** The files a path with `~` and globs stands for, in alphabetical order. */
function expandPath(pattern: string, base: string): string[] {
  const path = expandHome(pattern);
  const absolute = isAbsolute(path) ? path : join(base, path);
  const parts = absolute.split("/").filter((part) => part !== "");
  return parts.reduce<string[]>(
    (folders, part) => {
      if (!/[*?]/.test(part)) return folders.map((folder) => join(folder, part));
      const test = globToRegExp(part);
      return folders.flatMap((folder) =>
        list(folder)
          .filter((name) => test.test(name) && (part.startsWith(".") || !name.startsWith(".")))
          .map((name) => join(folder, name)),
      );
    },
    ["/"],
  );
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** `~` and `~/...` as the home directory of the local user. */
export const expandHome = (path: string): string =>
  path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;

/** What the tokens of ssh_config(5) stand for. */
export interface Tokens {
  /** `%h`: the real host name. */
  readonly host: string;
  /** `%n`: the name as given. */
  readonly original: string;
  /** `%p`. */
  readonly port: number;
  /** `%r`: the user on the host. */
  readonly user: string;
  /** `%u`: the local user. */
  readonly localUser: string;
}

/** Replaces the tokens %% %C %d %h %i %k %L %l %n %p %r %u and `~`, and `${VARIABLES}` of the environment. */
export function expandTokens(text: string, tokens: Tokens): string {
  const { host, original, port, user, localUser } = tokens;
  const local = hostname();
  const values: Record<string, string> = {
    "%": "%",
    C: createHash("sha1").update(`${local}${host}${port}${user}`).digest("hex"),
    d: homedir(),
    h: host,
    i: String(process.getuid?.() ?? ""),
    k: host,
    L: local.split(".")[0] ?? local,
    l: local,
    n: original,
    p: String(port),
    r: user,
    u: localUser,
  };
  const replaced = text
    .replace(/\$\{(\w+)\}/g, (whole, name: string) => process.env[name] ?? whole)
    .replace(/%(.)/g, (whole, letter: string) => values[letter] ?? whole);
  return expandHome(replaced);
}

/** The files ssh reads by default: the user's, then the system's. */
export const defaultConfigFiles = (): string[] => [join(homedir(), ".ssh", "config"), "/etc/ssh/ssh_config"];

/** Where the defaults of the local user live. */
export const sshFolder = (): string => join(homedir(), ".ssh");
