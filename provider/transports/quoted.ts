/** The words as one command line for a POSIX shell, each protected. */
export const quoted = (command: readonly string[]): string =>
  command.map((word) => (/^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");

/** The program of a command line without quotes. */
export const firstWord = (line: string): string => line.split(" ", 1)[0] ?? "";
