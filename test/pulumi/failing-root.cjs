// A composition root like provider/main-pulumi.ts, over a memory host that breaks off and takes its time on demand:
// `break` beside the host's file makes creations fail after the host has the object, `wait` makes them wait to be aborted.
const { existsSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { fileURLToPath } = require("node:url");
const { ProviderError } = require("./provider/core/errors.js");
const { pulumiFace } = require("./provider/faces/pulumi/index.js");

const wordOf = (uri, word) => join(dirname(fileURLToPath(uri.replace("memory:", "file:"))), word);

exports.provider = pulumiFace(async ({ uri }) => {
  const { memory } = await import("./provider/backends/memory/index.js");
  const host = memory.host({ uri });
  const engine = (kind) => {
    const inner = host.engine(kind);
    const { driver } = inner;
    const create = async (connection, wanted, step) => {
      await driver.create(connection, wanted, step);
      writeFileSync(wordOf(uri, "waiting"), String(process.pid));
      step.report("waits for its guest");
      if (existsSync(wordOf(uri, "break"))) throw new ProviderError("timeout", "no address came");
      if (existsSync(wordOf(uri, "wait")))
        await new Promise((_, reject) => {
          const end = () => reject(new ProviderError("timeout", "the wait was broken off"));
          // What a connection does: it keeps the process alive.
          const alive = setInterval(() => undefined, 1000);
          step.signal.addEventListener("abort", () => {
            clearInterval(alive);
            end();
          });
        });
    };
    return Object.assign(Object.create(Object.getPrototypeOf(inner)), inner, { driver: { ...driver, create } });
  };
  return { ...host, engine };
});
