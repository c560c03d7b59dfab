import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { doctor } from "./lab.js";

const reason = requirements();
const NOBODY = 65534;

/** Leads from one socket to another: the daemon sees the user of this process, and lets root in without asking. */
const RELAY = `
const net = require("node:net");
const [from, to] = process.argv.slice(1);
const server = net.createServer((client) => {
  const daemon = net.connect(to);
  client.pipe(daemon).pipe(client);
  for (const [one, other] of [[client, daemon], [daemon, client]]) one.on("error", () => other.destroy());
});
server.listen(from, () => console.log("ready"));`;

describe.skipIf(reason !== undefined)(
  `doctor where polkit decides${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let host: LibvirtHost;
    let relay: ChildProcess;
    beforeAll(async () => {
      host = await startLibvirtd({ libvirtdConf: ['auth_unix_rw = "polkit"', 'unix_sock_rw_perms = "0777"'] });
      await host.exec(["chmod", "0777", host.pools, join(host.root, "run")]);
      const words = ["-e", RELAY, join(host.pools, "relay"), host.socket];
      const who = { uid: NOBODY, gid: NOBODY };
      const child = spawn(process.execPath, words, { ...who, cwd: "/", stdio: ["ignore", "pipe", "inherit"] });
      relay = child;
      await once(child.stdout, "data");
    });
    afterAll(async () => {
      relay?.kill();
      await host?.stop();
    });

    it("says that a user is not let in, and who decides that", async () => {
      const found = await doctor(`qemu:///system?socket=${host.pools}/relay`);
      expect(found.findings).toHaveLength(1);
      expect(found.finding("problem", "reach").remedy).toMatch(/polkit/);
      expect(found.code).toBe(1);
      expect((await doctor(host.uri, { options: ["--no-try"] })).levels("reach")).toEqual(["ok"]);
    });
  },
);
