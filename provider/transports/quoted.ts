/** The words as one command line for a POSIX shell, each protected. */
export const quoted = (command: readonly string[]): string =>
  command.map((word) => (/^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
