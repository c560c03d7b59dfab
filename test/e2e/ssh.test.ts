import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasProgram, requirements } from "../hosts/requirements.js";
import { accountsMissing, freePort, makeKey, type Sshd, startSshd } from "../ssh/sshd.js";
import { all, inventory, isSettled, type Lab, missing, NOTHING, openLab } from "./lab.js";

const reason = missing ?? requirements() ?? accountsMissing;
const helperReason = hasProgram("virt-ssh-helper") ? "" : " (skipped: needs virt-ssh-helper)";

/** Everything that goes over the line: definitions, an upload, a start. No guest boots. */
const program = (lab: Lab, memory = "64MiB") => `
const pool = new crossvisor.StoragePool("pool", { path: "${lab.host.pools}/stack", onDelete: "delete" });
const lan = new crossvisor.Network("lan", { cidr: "192.168.62.0/24" });
const root = new crossvisor.Volume("root", { pool, source: "${lab.image}" });
const web = new crossvisor.VirtualMachine("web", {
  firmware: "bios", memory: "${memory}", maxMemory: "128MiB", shutdown: { timeout: 1 },
  disks: [{ volume: root }], networks: [{ network: lan }], cloudInit: { userData: "#!/bin/true" },
});
exports.address = web.ipAddress;`;

const YES = ["--yes", "--skip-preview"];
const GUEST = "crossvisor-guest";

describe.skipIf(reason !== undefined)(
  `the main job over SSH, with the real Pulumi CLI${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    let lab: Lab;
    let sshd: Sshd;
    const uri = (port: number, socket = lab.host.socket, user = "root") =>
      `qemu+ssh://${user}@127.0.0.1:${port}/system?socket=${socket}`;
    const set = async (settings: Readonly<Record<string, string>>): Promise<void> => {
      for (const [key, value] of Object.entries(settings)) {
        const secrecy = key === "privateKey" ? "--secret" : "--plaintext";
        const outcome = await lab.stack.run(["config", "set", secrecy, `crossvisor:${key}`, "--", value]);
        if (outcome.code !== 0) throw new Error(all(outcome));
      }
    };
    const right = () => ({
      uri: uri(sshd.port),
      privateKey: readFileSync(sshd.clientKeyPath, "utf8"),
      knownHosts: sshd.hostKeyLine,
    });
    /** Our resources as the state has them, without what is encrypted anew each time. */
    const kept = async () => {
      const { resources } = await lab.stack.state();
      const ours = resources.filter((r) => r.type.includes("crossvisor"));
      return Object.fromEntries(ours.map(({ urn, id, inputs }) => [urn, { id, ...inputs, cloudInit: "" }]));
    };
    const key = () => readFileSync(sshd.clientKeyPath, "utf8").split("\n")[2] ?? "";

    beforeAll(async () => {
      lab = await openLab();
      sshd = await startSshd({ guest: GUEST, password: "not used" });
      await lab.stack.program(program(lab));
    }, 300_000);
    afterAll(async () => {
      await sshd?.stop();
      await lab?.close();
    });

    it("makes everything through the forwarded socket, with the key of the configuration", async () => {
      await set(right());
      await lab.stack.up();
      await isSettled(lab.stack);
      expect(await lab.stack.outputs()).toEqual({ address: expect.stringMatching(/^192\.168\.62\.\d+$/) });
      expect((await inventory(lab.host)).machines).toEqual(["web"]);
      expect((await lab.stack.state()).text, "the key is nowhere in the state").not.toContain(key());
      await lab.stack.program(program(lab, "96MiB"));
      await lab.stack.up();
      await isSettled(lab.stack);
    });

    it.each([
      [
        "a wrong key",
        () => ({ privateKey: readFileSync(makeKey(join(sshd.dir, "wrong")), "utf8") }),
        /refused the login: tried .*authorized_keys/,
      ],
      ["a host that nobody knows", () => ({ knownHosts: "" }), /host key .*(known_hosts|ssh-keyscan)/],
      [
        "a host with another key",
        () => ({ knownHosts: sshd.hostKeyLine.replace(/ \S+\n$/, ` ${otherKey(sshd)}\n`) }),
        /host key/,
      ],
      [
        "a port where nobody listens",
        async () => ({ uri: uri(await freePort()) }),
        /refuses connections on port \d+\. Start the SSH server/,
      ],
      [
        "a URI that is none",
        () => ({ uri: "qemu+shh://root@127.0.0.1/system" }),
        /crossvisor:uri: "qemu\+shh:.*Use qemu:\/\/\/system/,
      ],
      [
        "a socket that is not there",
        () => ({ uri: uri(sshd.port, "/nowhere/libvirt-sock") }),
        /there is no socket \/nowhere\/libvirt-sock .*Start the daemon/,
      ],
      [
        "a socket that the login may not use",
        () => ({ uri: uri(sshd.port, lab.host.socket, GUEST) }),
        /has no permission to use the socket .*Add the user to the group/,
      ],
    ])("%s is said at preview, and nothing is lost", async (_, wrong, words) => {
      const before = [await kept(), await inventory(lab.host)];
      const change = await wrong();
      await set({ ...right(), ...change });
      await lab.stack.program(`${program(lab)}\nnew crossvisor.Network("more", { cidr: "192.168.63.0/24" });`);
      // A refresh asks the host that the state recorded; without the program also by the recorded login.
      const asked = "uri" in change ? [] : [["refresh", "--run-program", ...YES]];
      for (const command of [["preview"], ...asked]) {
        const outcome = await lab.stack.run([...command, "--non-interactive", "--color=never"]);
        expect(outcome.code, all(outcome)).not.toBe(0);
        expect(all(outcome)).toMatch(words);
        expect(all(outcome)).not.toMatch(/This is a bug|at async|\.js:\d/);
      }
      expect([await kept(), await inventory(lab.host)]).toEqual(before);
    });

    it("leaves nothing behind", async () => {
      await set(right());
      // The state keeps the last login that was used, which was wrong: the program brings the right one.
      await lab.stack.destroy("--run-program");
      expect(await inventory(lab.host)).toEqual(NOTHING);
    });

    it.skipIf(helperReason !== "")(`does without forwarding, through libvirt's own helper${helperReason}`, async () => {
      // Logins land inside the private host, whose daemon listens where libvirt puts it.
      const inside = `nsenter --target ${lab.host.pid} --mount --net --pid --wd=/ sh -c "$SSH_ORIGINAL_COMMAND"`;
      const closed = await startSshd({ config: ["AllowStreamLocalForwarding no", `ForceCommand ${inside}`] });
      try {
        await set({
          uri: `qemu+ssh://root@127.0.0.1:${closed.port}/system`,
          privateKey: readFileSync(closed.clientKeyPath, "utf8"),
          knownHosts: closed.hostKeyLine,
        });
        await lab.stack.program(program(lab));
        await lab.stack.up();
        await isSettled(lab.stack);
        expect((await inventory(lab.host)).machines).toEqual(["web"]);
        await lab.stack.destroy();
        expect(await inventory(lab.host)).toEqual(NOTHING);
      } finally {
        await closed.stop();
      }
    });
  },
);

/** The public part of a key that is not the server's. */
function otherKey(sshd: Sshd): string {
  const path = makeKey(join(sshd.dir, "other"));
  return readFileSync(`${path}.pub`, "utf8").split(" ")[1] ?? "";
}
