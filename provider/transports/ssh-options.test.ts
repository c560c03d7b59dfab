import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { resolveRoute, type SshOptions } from "./ssh-options.js";

let folder: string;
let configFile: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crossvisor-ssh-options-"));
  configFile = join(folder, "config");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

const resolve = (text: string, options: Partial<SshOptions> = {}) => {
  writeFileSync(configFile, text);
  return resolveRoute({ host: "kvm1", configFile, ...options });
};
const only = (text: string, options: Partial<SshOptions> = {}) => resolve(text, options).at(-1)!;

describe("options of a host", () => {
  test("without any configuration they are those of ssh", () => {
    vi.stubEnv("SSH_AUTH_SOCK", "/run/agent");
    const home = (name: string): string => join(homedir(), ".ssh", name);
    expect(resolveRoute({ host: "kvm1", configFile: "none" })).toEqual([
      {
        host: "kvm1",
        port: 22,
        user: userInfo().username,
        password: undefined,
        privateKey: undefined,
        passphrase: undefined,
        identityFiles: ["id_ed25519", "id_ecdsa", "id_rsa"].map(home),
        identityFilesChosen: false,
        certificateFiles: [],
        identitiesOnly: false,
        agent: "/run/agent",
        hostKeyAlias: undefined,
        hostKeyCheck: "strict",
        knownHosts: {
          files: [home("known_hosts"), home("known_hosts2"), "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
        },
        keepalive: 15_000,
        connectTimeout: 20_000,
      },
    ]);
  });

  test("what is given wins over the configuration", () => {
    const text = "Host kvm1\n  User a\n  Port 1\n  IdentityFile ~/a\n  StrictHostKeyChecking no\n  ConnectTimeout 3\n";
    expect(only(text)).toMatchObject({ user: "a", port: 1, hostKeyCheck: "off", connectTimeout: 3000 });
    const given = { user: "b", port: 2, identityFiles: ["/k"], hostKeyCheck: "strict", connectTimeout: 5 } as const;
    expect(only(text, given)).toMatchObject(given);
  });

  test("HostName with %h, IdentityFile with tokens, and several known_hosts files", () => {
    const text = `Host kvm1
      HostName %h.lab
      User root
      IdentityFile ~/.ssh/%r@%h
      IdentitiesOnly yes
      HostKeyAlias alias
      UserKnownHostsFile ~/a "~/b c"
      GlobalKnownHostsFile none`;
    expect(only(text)).toMatchObject({
      host: "kvm1.lab",
      identityFiles: [join(homedir(), ".ssh/root@kvm1.lab")],
      identityFilesChosen: true,
      identitiesOnly: true,
      hostKeyAlias: "alias",
      knownHosts: { files: [join(homedir(), "a"), join(homedir(), "b c")] },
    });
  });

  test.each([
    ["yes", "strict"],
    ["ask", "strict"],
    ["accept-new", "accept-new"],
    ["no", "off"],
    ["off", "off"],
  ])("StrictHostKeyChecking %s is %s", (word, check) => {
    expect(only(`StrictHostKeyChecking ${word}\n`).hostKeyCheck).toBe(check);
  });

  test("the agent: from the options, the configuration, the environment, or none", () => {
    vi.stubEnv("SSH_AUTH_SOCK", "/run/agent");
    vi.stubEnv("OTHER_AGENT", "/run/other");
    expect(only("IdentityAgent ~/agent\n").agent).toBe(join(homedir(), "agent"));
    expect(only("IdentityAgent $OTHER_AGENT\n").agent).toBe("/run/other");
    expect(only("IdentityAgent SSH_AUTH_SOCK\n").agent).toBe("/run/agent");
    expect(only("IdentityAgent none\n").agent).toBeUndefined();
    expect(only("IdentityAgent ~/agent\n", { agent: "/mine" }).agent).toBe("/mine");
    expect(only("", { agent: "none" }).agent).toBeUndefined();
  });

  test("known hosts given as text or as a path", () => {
    const text = "kvm1 ssh-ed25519 AAAA\n";
    expect(only("", { knownHosts: text }).knownHosts).toEqual({ text, files: [] });
    expect(only("", { knownHosts: "~/kh" }).knownHosts).toEqual({ files: [join(homedir(), "kh")] });
    expect(only("", { knownHosts: "/with space/kh" }).knownHosts).toEqual({ files: ["/with space/kh"] });
    expect(only("", { knownHosts: "" }).knownHosts).toEqual({ text: "", files: [] });
  });

  test.each([0, 65_536, 1.5])("port %s is refused", (port) => {
    expect(() => only("", { port })).toThrow(expect.objectContaining({ code: "invalid" }));
  });

  test("ProxyCommand is refused unless ProxyJump or none takes its place", () => {
    const text = "Host kvm1\n  ProxyCommand nc %h %p\n";
    expect(() => only(text)).toThrow(expect.objectContaining({ code: "unsupported" }));
    expect(resolve(text, { proxyJump: "none" })).toHaveLength(1);
    expect(resolve(text, { proxyJump: "hop" })).toHaveLength(2);
  });
});

describe("routes", () => {
  const places = (text: string, options: Partial<SshOptions> = {}): string[] =>
    resolve(text, options).map((hop) => `${hop.user}@${hop.host}:${hop.port}`);

  test("jump hosts in the order of passing, with their own configuration, the spelled-out parts first", () => {
    const text = `Host a
      HostName a.lab
      Port 1
      User ua
    Host b
      User ub
      ProxyJump never
    Host *
      User me`;
    const proxyJump = "root@a:7, ssh://b:8, [fd00::1]:9";
    expect(places(text, { proxyJump })).toEqual(["root@a.lab:7", "ub@b:8", "me@fd00::1:9", "me@kvm1:22"]);
  });

  test.each(["", "a:b", "a:70000", "@x", "a,,b"])("%j is no jump host", (proxyJump) => {
    expect(() => places("", { proxyJump })).toThrow(expect.objectContaining({ code: "invalid" }));
  });

  test("a password and the target's user stay with the target", () => {
    const [jump, target] = resolve("User me\n", {
      proxyJump: "hop",
      user: "root",
      password: "secret",
      privateKey: "key",
    });
    expect(jump).toMatchObject({ user: "me", password: undefined, privateKey: "key" });
    expect(target).toMatchObject({ user: "root", password: "secret" });
  });
});
