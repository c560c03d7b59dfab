#!/usr/bin/env node
import { createRequire } from "node:module";
import { run } from "./faces/cli/index.js";
import { openHost } from "./main-backends.js";

const { version } = createRequire(__filename)("crossvisor/package.json") as { readonly version: string };

// Whoever reads the output may stop reading: that is no failure of ours.
process.stdout.on("error", () => undefined);
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
process.once("SIGTERM", () => stop.abort());

const io = {
  out: (text: string) => process.stdout.write(text),
  err: (text: string) => process.stderr.write(text),
  env: process.env,
  signal: stop.signal,
};

run(process.argv.slice(2), io, { version, open: openHost }).then((code) => {
  // A connection that is still being given up keeps nobody waiting; what was written leaves the process first.
  process.stdout.write("", () => process.exit(code));
});
