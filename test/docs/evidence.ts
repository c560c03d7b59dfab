import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./project.js";

/** The commands of Windows Server as they are documented, by name. */
const signatures: Readonly<
  Record<string, { readonly signatures: readonly { readonly versions: readonly string[] }[] }>
> = JSON.parse(readFileSync(join(ROOT, "test/hosts/hyperv/signatures.json"), "utf8"));

const SCRIPTS = "provider/backends/hyperv/scripts";

/** What a Hyper-V host does for a user, the agent's scripts that do it, and the tests that run it. */
interface Feature {
  readonly feature: string;
  /** Names of scripts without their ending. */
  readonly scripts: readonly string[];
  readonly run: readonly string[];
  /** A test in which a guest boots from what came of it. */
  readonly booted?: string;
}

const CONTRACT = "test/contract/hyperv.test.ts";
const BOOTED = "test/hyperv/quickstart.test.ts";

const FEATURES: readonly Feature[] = [
  {
    feature:
      "machines: create, change, rename, remove; memory, processors, firmware, TPM, disks, CDs, interfaces, VLAN",
    scripts: ["vm"],
    run: [CONTRACT, "test/matrix/hyperv.test.ts"],
    booted: BOOTED,
  },
  {
    feature: "start, shut down, pause; saved machines",
    scripts: ["power"],
    run: [CONTRACT, "test/hyperv/saved.test.ts"],
    booted: BOOTED,
  },
  {
    feature: "volumes: dynamic, fixed, differencing; growth, deletion; checkpoints over them",
    scripts: ["vhd"],
    run: [CONTRACT, "test/hyperv/thick.test.ts", "test/hyperv/checkpoints.test.ts"],
    booted: BOOTED,
  },
  {
    feature: "images and first-boot CDs on their way to the host",
    scripts: ["file"],
    run: ["test/hyperv/requests.test.ts", "test/hyperv/ways.test.ts"],
    booted: BOOTED,
  },
  {
    feature: "pools, and drives and shares that are away",
    scripts: ["pool"],
    run: [CONTRACT, "test/hyperv/away.test.ts"],
  },
  {
    feature: "addresses from the DHCP role of a server",
    scripts: ["dhcp"],
    run: [CONTRACT, "test/hyperv/dhcp.test.ts"],
  },
  {
    feature: "networks `nat`, `isolated`, `private`, `bridged`; connections that break off",
    scripts: ["switch"],
    run: [CONTRACT, "test/hyperv/external.test.ts"],
    booted: BOOTED,
  },
  {
    feature: "addresses of guests: services, pairs, neighbours",
    scripts: ["address"],
    run: ["test/hyperv/addresses.test.ts"],
    booted: BOOTED,
  },
  {
    feature: "a refresh of everything in one request; what the host is",
    scripts: ["inventory", "host"],
    run: ["test/hyperv/calls.test.ts", "test/doctor/doctor.test.ts"],
  },
  {
    feature: "the agent: requests, answers, errors, locks between programs",
    scripts: ["agent", "wire", "gate"],
    run: ["test/hyperv/requests.test.ts", "test/scale/hyperv.test.ts"],
  },
];

/** Commands of Windows that a script calls, as far as their documentation is known here. */
const commandsOf = (script: string): readonly string[] => {
  const words = readFileSync(join(ROOT, SCRIPTS, `${script}.ps1`), "utf8").match(/\b[A-Z][a-z]+-[A-Z]\w+/g) ?? [];
  return [...new Set(words)].filter((word) => word in signatures);
};

const versionsOf = (command: string): readonly string[] =>
  signatures[command]?.signatures.flatMap(({ versions }) => versions) ?? [];

/** `Server 2016, 2019` and how many commands; those that are documented for fewer versions by name. */
function bound(scripts: readonly string[]): string {
  const commands = [...new Set(scripts.flatMap(commandsOf))].toSorted();
  if (commands.length === 0) return "calls none";
  const every = [...new Set(commands.flatMap(versionsOf))].toSorted();
  const fewer = commands.filter((command) => versionsOf(command).length < every.length);
  const only = fewer.map((command) => `\`${command}\` ${versionsOf(command).join(", ")} only`);
  return [
    `${commands.length} ${commands.length === 1 ? "command" : "commands"}, Server ${every.join(", ")}`,
    ...only,
  ].join("; ");
}

const linked = (path: string): string => `[${path.replace(/^test\/|\.test\.ts$/g, "")}](../${path})`;

/** What each feature rests on: a row for every script. @throws when a script or a test is missing in it. */
export function evidence(): string {
  const told = FEATURES.flatMap(({ scripts }) => scripts).toSorted();
  const there = readdirSync(join(ROOT, SCRIPTS))
    .map((name) => name.replace(".ps1", ""))
    .toSorted();
  if (told.join() !== there.join())
    throw new Error(`the evidence tells of ${told.join()}, and there are ${there.join()}`);
  const tests = FEATURES.flatMap(({ run, booted = [] }) => [...run, ...[booted].flat()]);
  const missing = tests.filter((path) => !existsSync(join(ROOT, path)));
  if (missing.length > 0) throw new Error(`there is no ${missing.join()}`);
  return [
    "| feature | bound | run | booted | seen on a real host |",
    "|---|---|---|---|---|",
    ...FEATURES.map(
      ({ feature, scripts, run, booted }) =>
        `| ${[feature, bound(scripts), run.map(linked).join(", "), booted === undefined ? "–" : linked(booted), "no"].join(" | ")} |`,
    ),
  ].join("\n");
}
