import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Code, ProviderError } from "../../core/errors.js";
import { dialer } from "./dial.js";
import { parseUri } from "./uri.js";

/** What was asked of the way over SSH, and what it answers: a code is a refusal, anything missing is `not-found`. */
const ssh = vi.hoisted(() => ({
  asked: [] as string[],
  answers: {} as Record<string, string>,
  opened: [] as unknown[],
  closed: 0,
}));
vi.mock("../../transports/ssh.js", () => ({
  sshTransport: (options: unknown) => {
    ssh.opened.push(options);
    const answer = async (what: string) => {
      ssh.asked.push(what);
      const code = ssh.answers[what] ?? "not-found";
      if (code === "yes") return new Duplex();
      throw new ProviderError(code as Code, what);
    };
    return {
      connect: answer,
      pipe: (words: readonly string[]) => answer(words.join(" ")),
      close: async () => {
        ssh.closed += 1;
      },
    };
  },
}));

const MODULAR = "/var/run/libvirt/virtqemud-sock";
const WHOLE = "/var/run/libvirt/libvirt-sock";
const HELPER = "virt-ssh-helper qemu:///system";

describe("the way over SSH", () => {
  beforeEach(() => Object.assign(ssh, { asked: [], answers: {}, opened: [], closed: 0 }));
  const dial = (uri: string, answers: Record<string, string>, settings = {}) => {
    ssh.answers = answers;
    return dialer(parseUri(uri), { uri, ...settings }).dial();
  };
  const system = "qemu+ssh://h/system";

  it.each([
    ["the modular daemon's socket first", system, { [MODULAR]: "yes", [WHOLE]: "yes" }, [MODULAR]],
    ["then the monolithic one's", system, { [WHOLE]: "yes" }, [MODULAR, WHOLE]],
    ["also when the first one is dead", system, { [MODULAR]: "unreachable", [WHOLE]: "yes" }, [MODULAR, WHOLE]],
    ["then libvirt's helper", system, { [HELPER]: "yes" }, [MODULAR, WHOLE, HELPER]],
    [
      "the helper when nothing can be forwarded",
      system,
      { [MODULAR]: "unsupported", [WHOLE]: "unsupported", [HELPER]: "yes" },
      [MODULAR, WHOLE, HELPER],
    ],
    [
      "the helper alone for a session",
      "qemu+ssh://h/session",
      { "virt-ssh-helper qemu:///session": "yes" },
      ["virt-ssh-helper qemu:///session"],
    ],
    ["the monolithic daemon for the test driver", "test+ssh://h/default", { [WHOLE]: "yes" }, [WHOLE]],
    ["only the modular daemon for mode=direct", `${system}?mode=direct`, { [MODULAR]: "yes" }, [MODULAR]],
    ["only the monolithic one for mode=legacy", `${system}?mode=legacy`, { [WHOLE]: "yes" }, [WHOLE]],
    ["only the socket that is named", `${system}?socket=/s`, { "/s": "yes" }, ["/s"]],
  ])("tries %s", async (_word, uri, answers, asked) => {
    await dial(uri, answers as unknown as Record<string, string>);
    expect(ssh.asked).toEqual(asked);
  });

  it.each(["denied", "timeout", "dropped", "invalid"])("tries nothing else after %s", async (code) => {
    await expect(dial(system, { [MODULAR]: code, [WHOLE]: "yes", [HELPER]: "yes" })).rejects.toMatchObject({ code });
    expect(ssh.asked).toEqual([MODULAR]);
  });

  it("says what is missing when nothing is there, and what the helper said when it is", async () => {
    await expect(dial(system, {})).rejects.toMatchObject({
      code: "unreachable",
      hint: expect.stringMatching(/Install libvirt/),
    });
    await expect(dial(system, { [HELPER]: "failed" })).rejects.toMatchObject({ code: "failed", fact: HELPER });
    await expect(dial(`${system}?socket=/s`, {})).rejects.toMatchObject({ code: "not-found", fact: "/s" });
  });

  it("is opened once for all connections, with what URI and settings say, and closed", async () => {
    ssh.answers = { [WHOLE]: "yes" };
    const uri = "qemu+ssh://u@h:2222/system?keyfile=/k&known_hosts=/n&no_verify=1";
    const way = dialer(parseUri(uri), { uri, password: "p", passphrase: "f", knownHosts: "/mine", sshConfig: "/c" });
    expect(ssh.opened).toEqual([]);
    await Promise.all([way.dial(), way.dial()]);
    expect(ssh.opened).toEqual([
      {
        host: "h",
        user: "u",
        port: 2222,
        password: "p",
        passphrase: "f",
        identityFiles: ["/k"],
        knownHosts: "/mine",
        hostKeyCheck: "off",
        configFile: "/c",
      },
    ]);
    await way.close();
    expect(ssh.closed).toBe(1);
  });

  it("is not opened by closing it", async () => {
    await dialer(parseUri(system), { uri: system }).close();
    expect(ssh.opened).toEqual([]);
  });
});

describe("the way to this machine's daemon", () => {
  let folder: string;
  const servers: Server[] = [];
  const arrived: string[] = [];
  const listen = async (name: string): Promise<void> => {
    const server = createServer((client) => {
      arrived.push(name);
      client.destroy();
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(join(folder, "libvirt", name), resolve));
  };
  const dial = async (uri: string) => {
    const socket = await dialer(parseUri(uri), { uri }).dial();
    await new Promise((resolve) =>
      socket
        .on("error", () => undefined)
        .on("close", resolve)
        .resume(),
    );
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "dial-"));
    await mkdir(join(folder, "libvirt"));
    arrived.length = 0;
    vi.stubEnv("XDG_RUNTIME_DIR", folder);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const server of servers.splice(0)) server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("finds a session's sockets in the runtime folder, the modular daemon's first", async () => {
    await expect(dial("qemu:///session")).rejects.toMatchObject({ code: "not-found" });
    await listen("libvirt-sock");
    await dial("qemu:///session");
    await listen("virtqemud-sock");
    await dial("qemu:///session");
    expect(arrived).toEqual(["libvirt-sock", "virtqemud-sock"]);
  });

  it("finds them in the cache folder where there is no runtime folder", async () => {
    vi.stubEnv("XDG_RUNTIME_DIR", undefined);
    vi.stubEnv("HOME", folder);
    await mkdir(join(folder, ".cache"));
    const { symlink } = await import("node:fs/promises");
    await symlink(join(folder, "libvirt"), join(folder, ".cache/libvirt"));
    await listen("libvirt-sock");
    await dial("qemu:///session");
    expect(arrived).toEqual(["libvirt-sock"]);
  });

  it("takes the socket that is named, and looks nowhere else", async () => {
    await listen("libvirt-sock");
    await listen("mine");
    await dial(`qemu:///session?socket=${join(folder, "libvirt/mine")}`);
    expect(arrived).toEqual(["mine"]);
    await expect(dial(`qemu:///session?socket=${join(folder, "none")}`)).rejects.toMatchObject({ code: "not-found" });
  });
});
