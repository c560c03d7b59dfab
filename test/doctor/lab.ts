import type { Finding, Level } from "../../provider/core/finding.js";
import { run } from "../../provider/faces/cli/index.js";
import { openHost } from "../../provider/main-backends.js";
import type { LibvirtHost } from "../hosts/libvirtd.js";

export interface Diagnosis {
  /** Exit code. */
  readonly code: number;
  readonly findings: readonly Finding[];
  /** What was said while it ran. */
  readonly said: string;
  /** The finding of a level about a topic whose fact fits. Fails where there is none, and shows all there are. */
  finding(level: Level, topic: string, fact?: RegExp): Finding;
  /** Levels of a topic's findings. */
  levels(topic: string): readonly Level[];
}

export interface Asked {
  readonly options?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `crossvisor doctor` in this process. */
export async function doctor(uri: string, { options = [], env = {} }: Asked = {}): Promise<Diagnosis> {
  const said = { out: "", err: "" };
  const io = {
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
    env,
    signal: new AbortController().signal,
  };
  const code = await run(["doctor", "--json", ...options, uri], io, { version: "0", open: openHost });
  const findings: readonly Finding[] = said.out === "" ? [] : JSON.parse(said.out).findings;
  const of = (topic: string) => findings.filter((f) => f.topic === topic);
  return {
    code,
    findings,
    said: said.err,
    finding: (level, topic, fact = /./) => {
      const found = of(topic).find((f) => f.level === level && fact.test(f.found));
      if (found === undefined)
        throw new Error(`no ${level} about ${topic} that says ${fact}:\n${JSON.stringify(findings, undefined, 1)}`);
      return found;
    },
    levels: (topic) => of(topic).map(({ level }) => level),
  };
}

/** All that a host holds, and every file that is not a log: the same before and after a look. */
export async function inventory(host: LibvirtHost): Promise<string> {
  const lists = [["list", "--all"], ["net-list", "--all"], ["pool-list", "--all"], ["secret-list"], ["nwfilter-list"]];
  const texts = await Promise.all(lists.map((words) => host.virsh(...words)));
  const folders = ["/etc/libvirt", "/var/lib/libvirt", "/run/libvirt/qemu", host.pools];
  const files = await host.exec(["find", ...folders, "-type", "f", "-printf", "%p %m %u %g\n"]);
  return [...texts, ...files.split("\n").sort()].join("\n");
}
