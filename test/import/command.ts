import { run } from "../../provider/faces/cli/index.js";
import { openHost } from "../../provider/main-backends.js";

export interface Printed {
  readonly code: number;
  readonly program: string;
  readonly said: string;
}

/** `crossvisor import` with these words. */
export async function imported(...argv: readonly string[]): Promise<Printed> {
  const told = { program: "", said: "" };
  const io = {
    out: (text: string) => {
      told.program += text;
    },
    err: (text: string) => {
      told.said += text;
    },
    env: {},
    signal: new AbortController().signal,
  };
  return { code: await run(["import", ...argv], io, { version: "0", open: openHost }), ...told };
}
