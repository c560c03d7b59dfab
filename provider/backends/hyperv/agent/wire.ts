/** A value as one line of JSON in ASCII, so that no code page matters. What is undefined is null: scripts read every name. */
export const toLine = (value: unknown): string =>
  `${JSON.stringify(value, (_key, part: unknown) => (part === undefined ? null : part)).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )}\n`;

/** Cuts a byte stream into lines, without their ends. */
export class Lines {
  private readonly parts: Buffer[] = [];

  *add(chunk: Buffer): Generator<string> {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      this.parts.push(chunk.subarray(from, at));
      yield Buffer.concat(this.parts.splice(0)).toString("latin1").replace(/\r$/, "");
      from = at + 1;
    }
    if (from < chunk.length) this.parts.push(chunk.subarray(from));
  }
}
