import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ProviderError } from "../core/errors.js";
import { expandTokens, readSshConfig } from "./ssh-config.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crossvisor-ssh-config-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const file = (text: string, name = `config${count++}`): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const ask = (text: string, host: string, user?: string): Record<string, readonly string[]> =>
  Object.fromEntries(readSshConfig([file(text)], { host, user, localUser: "me" }));

describe("ssh configuration", () => {
  test("the first value wins, identity files add up, names of directives are in any case", () => {
    const text = `
      Host kvm1
        hostname 10.0.0.1
        IDENTITYFILE ~/a
      Host kvm*
        HostName=10.0.0.2
        Port = 2222
        IdentityFile "~/my keys/b"   # note
      Host *
        User all
        IdentityFile ~/c
    `;
    expect(ask(text, "kvm1")).toEqual({
      hostname: ["10.0.0.1"],
      port: ["2222"],
      user: ["all"],
      identityfile: ["~/a", "~/my keys/b", "~/c"],
    });
  });

  test("what stands before the first Host is for all hosts", () => {
    expect(ask("User first\nHost kvm1\n  User second\n", "kvm1")["user"]).toEqual(["first"]);
  });

  test.each([
    ["kvm1 kvm2", "kvm2", true],
    ["*.lab !bad.lab", "good.lab", true],
    ["*.lab !bad.lab", "bad.lab", false],
    ["!bad.lab", "good.lab", false],
    ["kvm?", "kvm1", true],
    ["kvm?", "kvm", false],
    ["kvm.1", "kvmx1", false],
    ['"kvm1"', "kvm1", true],
  ])("Host %s and %s: %s", (patterns, host, matches) => {
    expect(ask(`Host ${patterns}\n  Port 1\n`, host)["port"]).toEqual(matches ? ["1"] : undefined);
  });

  test.each([
    ["all", true],
    ["host 10.0.0.1", true],
    ["host kvm1", false],
    ["originalhost kvm1", true],
    ["originalhost kvm1 user root", true],
    ["originalhost kvm1 user other", false],
    ["!originalhost kvm2", true],
    ["user root,admin", true],
    ["localuser me", true],
    ["!localuser me", false],
    ["exec true", false],
    ["canonical all", false],
    ["tagged x", false],
  ])("Match %s: %s", (criteria, matches) => {
    const text = `Host kvm1\n  HostName 10.0.0.1\n  User root\nMatch ${criteria}\n  Port 1\n`;
    expect(ask(text, "kvm1")["port"]).toEqual(matches ? ["1"] : undefined);
  });

  test("Match user sees the user that was asked for before the one in the file", () => {
    expect(ask("User root\nMatch user admin\n  Port 1\n", "kvm1", "admin")["port"]).toEqual(["1"]);
  });

  test("Match exec runs nothing", () => {
    const mark = join(folder, "executed");
    ask(`Match exec "touch ${mark}"\n  Port 1\n`, "kvm1");
    expect(() => rmSync(mark)).toThrow("ENOENT");
  });

  test("Include with globs, inside a Host too, and not where that Host is another", () => {
    mkdirSync(join(folder, "d"), { recursive: true });
    file("Port 10\n", "d/10-a.conf");
    file("Port 20\nHost kvm1\n  User included\n", "d/20-b.conf");
    file("Port 1\n", "d/.hidden.conf");
    const text = `Host kvm1\n  Include ${folder}/d/*.conf\nHost *\n  Compression yes\n`;
    expect(ask(text, "kvm1")).toEqual({ port: ["10"], user: ["included"], compression: ["yes"] });
    expect(ask(text, "kvm2")).toEqual({ compression: ["yes"] });
    expect(ask(`Include ${folder}/none/*\nUser x\n`, "kvm2")).toEqual({ user: ["x"] });
  });

  test("a file that includes itself is an error, not a hang", () => {
    const path = join(folder, "self");
    writeFileSync(path, `Include ${path}\n`);
    expect(() => readSshConfig([path], { host: "a", localUser: "me" })).toThrow(ProviderError);
  });

  test("a missing file says nothing, a damaged one is named", () => {
    expect(readSshConfig([join(folder, "absent")], { host: "a", localUser: "me" }).size).toBe(0);
    const path = file('Host "kvm1\n  Port 1\n');
    expect(() => readSshConfig([path], { host: "a", localUser: "me" })).toThrow(
      expect.objectContaining({ code: "invalid", fact: expect.stringContaining(path) }),
    );
  });

  test("tokens", () => {
    const tokens = { host: "10.0.0.1", original: "kvm1", port: 22, user: "root", localUser: "me" };
    expect(expandTokens("%h %n %p %r %u %% %d %x", tokens)).toBe(`10.0.0.1 kvm1 22 root me % ${homedir()} %x`);
    expect(expandTokens("~/.ssh/%r@%h", tokens)).toBe(join(homedir(), ".ssh/root@10.0.0.1"));
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how ssh writes variables of the environment
    expect(expandTokens("${HOME}/k", tokens)).toBe(`${process.env["HOME"]}/k`);
  });
});
