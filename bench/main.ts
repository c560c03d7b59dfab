import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { cases, isCase } from "./cases/index.js";
import { type Options, openLab } from "./lab.js";
import { findPeers } from "./peers.js";
import { json, type Result, table } from "./report.js";

const USAGE = `usage: tools/bench [--case NAME]... [--repeat N] [--sizes N,N] [--machines N] [--upload MiB] [--json FILE]
cases: ${Object.keys(cases).join(", ")}; default: all of them`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      case: { type: "string", multiple: true },
      repeat: { type: "string", default: "3" },
      sizes: { type: "string", default: "1,50,500" },
      machines: { type: "string", default: "20" },
      upload: { type: "string", default: "1024" },
      json: { type: "string", default: ".cache/bench/bench.json" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const wanted = values.case ?? Object.keys(cases);
  const unknown = wanted.filter((name) => !isCase(name));
  if (unknown.length > 0) throw new Error(`there is no case ${unknown.join(", ")}\n${USAGE}`);
  const options: Options = {
    repeat: positive(values.repeat),
    sizes: values.sizes.split(",").map(positive),
    machines: positive(values.machines),
    upload: positive(values.upload),
  };
  const peers = findPeers();
  const results: Result[] = [];
  for (const name of wanted.filter(isCase)) {
    console.error(`bench: ${name}`);
    const lab = await openLab(peers, options);
    try {
      results.push(...(await cases[name](lab)));
    } finally {
      await lab.close();
    }
  }
  console.log(table(results));
  for (const one of peers.missing) console.log(`\nNot measured: ${one}`);
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${json(results, peers.missing)}\n`);
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is no number above 0\n${USAGE}`);
  return value;
}

main().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
