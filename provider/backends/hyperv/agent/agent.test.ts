import { Duplex } from "node:stream";
import { afterAll, describe, expect, test } from "vitest";
import { agentMissing, engine, withAgent } from "../../../../test/hosts/powershell.js";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import { localTransport } from "../../../transports/local.js";
import { Agent, type AgentOptions } from "./agent.js";
import { agentBody, bootstrap } from "./bootstrap.js";

const WAIT = { timeout: 60_000 };
const local = localTransport();
const streams: Duplex[] = [];
const start = async ([, ...words]: readonly string[]): Promise<Duplex> => {
  const stream = await local.pipe([engine?.path ?? "", ...words]);
  streams.push(stream);
  return stream;
};
const agentWith = (more: Partial<AgentOptions> = {}) => new Agent({ host: "hv", start, ...more });
const failure = async (step: Promise<unknown>): Promise<ProviderError> => {
  const error = await step.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!isProviderError(error)) throw new Error(`it failed otherwise: ${error}`);
  return error;
};

test("the bootstrap fits into the shortest line that was seen to be cut, in words that no shell changes", () => {
  const words = bootstrap(agentBody());
  expect(words.at(-1)?.length).toBeLessThanOrEqual(1000);
  expect(words.join(" ")).toMatch(/^[A-Za-z0-9 .:=+/-]+$/);
  expect(agentBody().every((byte) => byte === 10 || (byte >= 32 && byte < 127))).toBe(true);
});

describe.skipIf(agentMissing !== undefined)(withAgent("the agent"), WAIT, () => {
  const agent = agentWith();
  afterAll(async () => {
    await agent.close();
    await local.close();
  });

  const STRINGS = [
    "it's",
    '"quoted" and “curly”',
    "`$(Remove-Item *) $env:PATH $" + "{x} @(1) #",
    "[a-z]* ? \\ / \\u0041 %PATH% ^& | < >",
    "line\nline\r\n\ttab\0nul\u001b\u007f",
    "日本語 ﬁ é \u0301 \u2028",
    "😀👩‍👩‍👧 \ud800 alone",
    "/Date(1488869314761)/",
    "x'\"`日😀".repeat(600),
    "",
    " ",
  ];
  test.each(["echo", "echo.beside"])("%s: every string comes back as it went", async (name) => {
    const value = { list: STRINGS, one: STRINGS.slice(0, 1), none: [], each: STRINGS.map((text) => ({ text })) };
    expect(await agent.request(name, { value })).toEqual({ value });
  });

  test("numbers, truth and nothing come back as they went", async () => {
    const value = [0, -1, 2 ** 31, 2 ** 53 - 1, 1.5, true, false, null, [[]], [[1]]];
    expect(await agent.request("echo", { value })).toEqual({ value });
  });

  test("requests beside the main loop tell how far they are, and hold up nobody", async () => {
    const seen: unknown[] = [];
    const many = Array.from({ length: 12 }, (_, i) =>
      agent.request("echo.beside", { value: i }, { onProgress: (p) => seen.push(p) }),
    );
    await agent.request("ping", {});
    expect(await Promise.all(many)).toEqual(many.map((_, i) => ({ value: i })));
    expect(seen).toEqual(many.map(() => ({ done: 1, total: 2 })));
  });

  test("an unknown request is a bug, and the agent goes on", async () => {
    expect(await failure(agent.request("no.such", {}))).toMatchObject({ code: "bug" });
    expect(await agent.request("ping", {})).toEqual({});
  });

  test("one process serves all; one that was killed is replaced, and the lost answer is dropped", async () => {
    const own = agentWith();
    const before = streams.length;
    await Promise.all([own.request("ping", {}), own.request("ping", {}), own.request("ping", {})]);
    expect(streams.length - before).toBe(1);
    const lost = failure(own.request("echo.beside", { value: "x".repeat(500_000) }));
    streams.at(-1)?.destroy();
    expect(await lost).toMatchObject({ code: "dropped", hint: expect.stringContaining("looks at the host first") });
    const repeated = own.request("echo.beside", { value: 7 }, { repeatable: true });
    expect(await repeated).toEqual({ value: 7 });
    expect(streams.length - before).toBe(2);
    await own.close();
    expect(await failure(own.request("ping", {}))).toMatchObject({ code: "unreachable" });
  });

  test("a caller who gives up gets its reason, and the agent serves others", async () => {
    const abort = new AbortController();
    const pending = failure(agent.request("echo.beside", { value: 1 }, { signal: abort.signal }));
    abort.abort(new ProviderError("failed", "the user said stop"));
    expect(await pending).toMatchObject({ fact: "the user said stop" });
    expect(await agent.request("ping", {})).toEqual({});
  });

  test("what a login prints before the agent speaks is skipped", async () => {
    const noisy = agentWith({
      start: async ([, ...words]) =>
        local.pipe(["sh", "-c", 'printf "motd\\n{not json\\n> "; exec "$@"', "sh", engine?.path ?? "", ...words]),
    });
    expect(await noisy.request("ping", {})).toEqual({});
    await noisy.close();
  });
});

describe("a host without the agent", () => {
  const speaking = (script: string, more: Partial<AgentOptions> = {}) =>
    agentWith({ start: () => local.pipe(["sh", "-c", script]), ...more });
  const refused = async (script: string, more: Partial<AgentOptions> = {}) => {
    const agent = speaking(script, more);
    try {
      return await failure(agent.request("ping", {}));
    } finally {
      await agent.close();
    }
  };

  test.each([
    ["cat >/dev/null; echo 'crossvisor ConstrainedLanguage 5.1.17763.1'", /mode ConstrainedLanguage/, /AppLocker/],
    ["cat >/dev/null; echo 'crossvisor FullLanguage 7.4.6'", /is PowerShell 7\.4\.6/, /Windows PowerShell 5\.1/],
    ["echo no such thing >&2; exit 1", /does not start Windows PowerShell \(sh ended .* no such thing\)/, /powershell/],
    ["echo This service allows sftp connections only.; exit 0", /\(This service allows sftp/, /must allow commands/],
  ])("%s", async (script, fact, hint) => {
    const error = await refused(script.replace("cat >/dev/null; ", ""));
    expect(error).toMatchObject({ code: "unsupported" });
    expect(error.fact).toMatch(fact);
    expect(error.hint).toMatch(hint);
  });

  test("one that says nothing is a timeout", async () => {
    expect(await refused("sleep 60", { limits: { openingMs: 200 } })).toMatchObject({ code: "timeout" });
  });

  test("a program that is not there, and an unreachable host that comes back", async () => {
    const absent = agentWith({ start: () => local.pipe(["no-such-powershell"]) });
    expect(await failure(absent.request("ping", {}))).toMatchObject({ code: "unsupported" });
    let dials = 0;
    const down = agentWith({
      start: async () => {
        dials++;
        throw new ProviderError("unreachable", "nobody answers");
      },
    });
    expect(await failure(down.request("ping", {}))).toMatchObject({ code: "unreachable", fact: "nobody answers" });
    expect(dials).toBe(3);
  });

  test("a connection that is lost before the agent speaks is an unreachable host, and tried again", async () => {
    let dials = 0;
    const lost = agentWith({
      start: async () => {
        dials++;
        const stream: Duplex = new Duplex({
          read: () => undefined,
          write: () => stream.destroy(new ProviderError("dropped", "powershell.exe ended without a status")),
        });
        return stream.on("error", () => undefined);
      },
    });
    expect(await failure(lost.request("ping", {}))).toMatchObject({ code: "unreachable" });
    expect(dials).toBe(3);
  });
});
