/** Words that no variable may be called in a module, in strict mode. */
const RESERVED: ReadonlySet<string> = new Set(
  `arguments as async await break case catch class const constructor continue debugger default delete do else enum eval
   export extends false finally for from function get if implements import in instanceof interface let new null of
   package private protected public return set static super switch this throw true try type typeof undefined var void
   while with yield NaN Infinity globalThis module exports require process console`.split(/\s+/),
);

/** Hands out names of variables: each once. */
export class Identifiers {
  private readonly taken: Set<string>;

  /** `taken` are names that the program has already. */
  constructor(taken: Iterable<string>) {
    this.taken = new Set(taken);
  }

  /** `web-1.qcow2` is `web1Qcow2`; what has no letters, is reserved or taken gets the word for what it is. */
  next(name: string, what: string): string {
    const base = camel(name);
    const noun = camel(what);
    const plain = /^[a-z]/i.test(base) ? base : `${noun}${capital(base)}`;
    const named = base === "" ? noun : `${plain}${capital(noun)}`;
    const candidates = [plain, named, ...Array.from({ length: this.taken.size + 1 }, (_, i) => `${named}${i + 2}`)];
    const found = candidates.find((c) => !this.taken.has(c) && !RESERVED.has(c)) ?? named;
    this.taken.add(found);
    return found;
  }
}

const camel = (text: string): string => {
  const [first = "", ...rest] = text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .split(/[^A-Za-z0-9]+/)
    .filter((part) => part !== "");
  return [first.charAt(0).toLowerCase() + first.slice(1), ...rest.map(capital)].join("");
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
