const special = /[.+^${}()|[\]\\]/g;

/** A glob of OpenSSH (`*` any run, `?` exactly one character) as a regular expression over the whole text. */
export const globToRegExp = (glob: string, flags = ""): RegExp =>
  new RegExp(`^${glob.replace(special, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`, `s${flags}`);

/**
 * Whether a list of OpenSSH patterns names the text (ssh_config(5), PATTERNS). A pattern that begins with `!` takes the
 * text out again, wherever it stands; a list of negated patterns only never matches.
 */
export function matchesPatterns(patterns: readonly string[], text: string): boolean {
  let found = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith("!");
    if (!globToRegExp(negated ? pattern.slice(1) : pattern, "i").test(text)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}
