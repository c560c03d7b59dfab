import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveRoute } from "../../provider/transports/ssh-options.js";

const ssh = ["/usr/bin/ssh", "/usr/local/bin/ssh"].find((path) => existsSync(path));

const config = (folder: string): string => `
# what stands first is for all
ServerAliveInterval 7
Include ${folder}/extra.conf

Host kvm1 kvm2
  HostName %h.lab.example
  IdentityFile ~/.ssh/lab/%r@%h
  IdentityFile "~/my keys/%n"

Host *.prod !bad.prod
  User produser
  Port=2201
  StrictHostKeyChecking accept-new

Host "quoted"
  hostname = 10.1.1.1
  ConnectTimeout 9

Match originalhost kvm2 user admin
  Port 2202

Match host *.lab.example
  UserKnownHostsFile ~/a ~/b
  IdentitiesOnly yes

Match !localuser nobody-like-this
  HostKeyAlias aliased

Host *
  User fallback
  Port 2203
  IdentityFile ~/.ssh/last
`;

describe.skipIf(ssh === undefined)(
  `configuration as ssh -G reads it${ssh === undefined ? " (skipped: no ssh)" : ""}`,
  () => {
    let folder: string;
    let configFile: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "crossvisor-ssh-G-"));
      configFile = join(folder, "config");
      writeFileSync(configFile, config(folder));
      writeFileSync(join(folder, "extra.conf"), "Host included\n  User inc\n  HostName 10.2.2.2\n");
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    test.each([
      ["kvm1", undefined],
      ["kvm2", undefined],
      ["kvm2", "admin"],
      ["good.prod", undefined],
      ["bad.prod", undefined],
      ["quoted", "me"],
      ["included", undefined],
      ["other", undefined],
    ])("%s as user %s", (host, user) => {
      const args = ["-G", "-F", configFile, ...(user === undefined ? [] : ["-l", user]), host];
      const lines = execFileSync(ssh!, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
        .trim()
        .split("\n");
      const all = (name: string): string[] =>
        lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
      const hop = resolveRoute({ host, user, configFile }).at(-1)!;
      expect({
        host: hop.host,
        user: hop.user,
        port: String(hop.port),
        alias: hop.hostKeyAlias,
        only: hop.identitiesOnly ? "yes" : "no",
        timeout: hop.connectTimeout === 20_000 ? "none" : String(hop.connectTimeout / 1000),
        strict: hop.hostKeyCheck,
      }).toEqual({
        host: all("hostname")[0],
        user: all("user")[0],
        port: all("port")[0],
        alias: all("hostkeyalias")[0],
        only: all("identitiesonly")[0],
        timeout: all("connecttimeout")[0],
        strict: all("stricthostkeychecking")[0] === "accept-new" ? "accept-new" : "strict",
      });
      // ssh -G prints identity files and known_hosts files as written, so only their number and order can be compared.
      const tail = (path: string): string =>
        path
          .split("/")
          .at(-1)!
          .replace(/%[a-z]|[^@]+(?=@)|(?<=@).+/g, "*");
      expect(hop.identityFiles).toHaveLength(all("identityfile").length);
      expect(tail(hop.identityFiles.at(-1)!)).toBe(tail(all("identityfile").at(-1)!));
      expect(hop.knownHosts.files.slice(0, 2).map(tail)).toEqual(all("userknownhostsfile")[0]!.split(" ").map(tail));
    });
  },
);
