import { describe, expect, it, test } from "vitest";
import type { OpenHost } from "../../core/engine.js";
import { ProviderError } from "../../core/errors.js";
import type { Finding, Look } from "../../core/finding.js";
import type { HostSettings } from "../../core/settings.js";
import { run } from "./index.js";

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What the host was asked for, and whether it was closed. */
  readonly opened: readonly HostSettings[];
  readonly looks: readonly Look[];
  readonly closed: number;
}

interface Around {
  readonly env?: Readonly<Record<string, string>>;
  readonly findings?: readonly Finding[] | Error;
}

/** Runs a line against a host that finds what it is told to. */
async function cli(argv: readonly string[], { env = {}, findings = [] }: Around = {}): Promise<Outcome> {
  const said = { out: "", err: "" };
  const opened: HostSettings[] = [];
  const looks: Look[] = [];
  let closed = 0;
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
  const open = async (settings: HostSettings): Promise<OpenHost> => {
    opened.push(settings);
    if (settings.uri === "no:uri")
      throw new ProviderError("invalid", '"no:uri" is none', { where: { property: "crossvisor:uri" }, hint: "Do so." });
    return {
      identity: settings.uri,
      engine: () => expect.fail("no engine is asked for"),
      diagnose: async (look) => {
        looks.push(look);
        look.report("looking");
        if (findings instanceof Error) throw findings;
        return findings;
      },
      close: async () => {
        closed += 1;
      },
    };
  };
  const code = await run(argv, io, { version: "1.2.3", open });
  return { code, ...said, opened, looks, closed };
}

const finding = (level: Finding["level"]): Finding => ({
  topic: "kvm",
  level,
  found: "it is so",
  means: "This follows.",
  remedy: "Do that.",
  commands: ["do that"],
});

describe("a command line", () => {
  test.each([[[]], [["doctr"]], [["--x"]], [["doctor", "--x", "a:"]], [["doctor", "a:", "b:"]], [["doctor"]]])(
    "that cannot be understood ends with 2 and points at the help: %j",
    async (argv) => {
      const { code, out, err, opened } = await cli(argv);
      expect({ code, out, opened }).toEqual({ code: 2, out: "", opened: [] });
      expect(err).toMatch(/--help/);
    },
  );

  it("names the option or the word that is wrong", async () => {
    expect((await cli(["doctor", "--loud", "a:"])).err).toContain("'--loud'");
    expect((await cli(["doctor", "a:", "b:"])).err).toContain('"b:"');
  });

  it("tells the version and the help, also of a command", async () => {
    expect(await cli(["--version"])).toMatchObject({ code: 0, out: "1.2.3\n" });
    expect(await cli(["--help"])).toMatchObject({ code: 0, out: expect.stringContaining("doctor") });
    const help = await cli(["doctor", "--help"]);
    expect(help).toMatchObject({ code: 0, opened: [] });
    for (const word of ["--json", "--no-try", "--strict", "CROSSVISOR_PRIVATE_KEY"]) expect(help.out).toContain(word);
  });

  it("with a URI that means nothing ends with 2 and the reason, without a word of configuration", async () => {
    const { code, err } = await cli(["doctor", "no:uri"]);
    expect({ code, err }).toEqual({ code: 2, err: 'crossvisor: Unable to use host: "no:uri" is none. Do so.\n' });
  });
});

describe("the host", () => {
  it("is that of the command line, else of the environment, with the access from there", async () => {
    const env = {
      CROSSVISOR_URI: "b:",
      CROSSVISOR_PASSWORD: "p",
      CROSSVISOR_PRIVATE_KEY: "k",
      CROSSVISOR_PASSPHRASE: "",
    };
    const access = { password: "p", privateKey: "k" };
    expect((await cli(["doctor", "a:"], { env })).opened).toEqual([{ uri: "a:", ...access }]);
    expect((await cli(["doctor"], { env })).opened).toEqual([{ uri: "b:", ...access }]);
  });

  it("is closed, also after a failure, which ends with 1 and its sentence", async () => {
    const failure = await cli(["doctor", "a:"], { findings: new ProviderError("unreachable", "nobody is there") });
    expect(failure).toMatchObject({ code: 1, closed: 1, err: expect.stringContaining("nobody is there.\n") });
    expect(await cli(["doctor", "a:"])).toMatchObject({ code: 0, closed: 1 });
  });
});

describe("doctor", () => {
  test.each([
    ["ok", 0, 0],
    ["note", 0, 0],
    ["warning", 0, 1],
    ["unknown", 0, 1],
    ["problem", 1, 1],
  ] as const)("ends for a finding that is %s with %i, and with %i when it is strict", async (level, code, strict) => {
    const findings = [finding("ok"), finding(level)];
    expect((await cli(["doctor", "a:"], { findings })).code).toBe(code);
    expect((await cli(["doctor", "--strict", "a:"], { findings })).code).toBe(strict);
  });

  it("prints each finding with its meaning, remedy and commands, and how many there are of each", async () => {
    const { out, err } = await cli(["doctor", "a:"], { findings: [finding("problem"), finding("ok"), finding("ok")] });
    expect(out).toContain("problem  kvm: it is so\n         This follows. Do that.\n         $ do that\n");
    expect(out.trimEnd().split("\n").at(-1)).toBe("1 problem, 2 ok");
    expect(err).toBe("looking\n");
  });

  it("prints JSON that says whether all is well, and nothing else", async () => {
    const { out } = await cli(["doctor", "--json", "a:"], { findings: [finding("warning")] });
    expect(JSON.parse(out)).toEqual({ host: "a:", ok: true, findings: [finding("warning")] });
  });

  it("tries things unless it is told not to", async () => {
    expect((await cli(["doctor", "a:"])).looks.map(({ tries }) => tries)).toEqual([true]);
    expect((await cli(["doctor", "--no-try", "a:"])).looks.map(({ tries }) => tries)).toEqual([false]);
  });
});
