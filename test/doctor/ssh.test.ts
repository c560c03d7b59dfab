import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";
import { hasProgram, requirements } from "../hosts/requirements.js";
import { type Sshd, sshdMissing, startSshd } from "../ssh/sshd.js";
import { doctor } from "./lab.js";

const reason = requirements() ?? sshdMissing;
const noHelper = hasProgram("virt-ssh-helper") ? "" : " (skipped: needs virt-ssh-helper)";

describe.skipIf(reason !== undefined)(`doctor over SSH${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  let open: Sshd;
  let closed: Sshd;
  const access = (sshd: Sshd) => ({
    CROSSVISOR_PRIVATE_KEY: readFileSync(sshd.clientKeyPath, "utf8"),
    CROSSVISOR_KNOWN_HOSTS: sshd.hostKeyLine,
  });
  beforeAll(async () => {
    host = await startLibvirtd();
    open = await startSshd();
    // Logins land inside the private host, whose daemon listens where libvirt puts it.
    const inside = `nsenter --target ${host.pid} --mount --net --pid --wd=/ sh -c "$SSH_ORIGINAL_COMMAND"`;
    closed = await startSshd({ config: ["AllowStreamLocalForwarding no", `ForceCommand ${inside}`] });
  });
  afterAll(async () => {
    await open?.stop();
    await closed?.stop();
    await host?.stop();
  });
  const uri = (sshd: Sshd, query = "") => `qemu+ssh://root@127.0.0.1:${sshd.port}/system${query}`;
  const throughOpen = () => uri(open, `?socket=${host.socket}`);

  it("says which socket the server leads to", async () => {
    const found = await doctor(throughOpen(), { env: access(open), options: ["--no-try"] });
    expect(found.finding("ok", "reach").found).toContain(`over SSH by the socket ${host.socket}`);
    expect({ code: found.code, levels: found.levels("reach") }).toEqual({ code: 0, levels: ["ok"] });
  });

  it.skipIf(noHelper !== "")(`says that the helper is used where sockets are not led to${noHelper}`, async () => {
    const found = await doctor(uri(closed), { env: access(closed), options: ["--no-try"] });
    expect(found.finding("ok", "reach").found).toContain("over SSH by virt-ssh-helper");
    found.finding("note", "reach", /virt-ssh-helper/);
    expect(found.code).toBe(0);
  });

  it("says why nobody is let in, with the remedy, and shows no secret", async () => {
    const strangers = { ...access(open), CROSSVISOR_PRIVATE_KEY: access(closed).CROSSVISOR_PRIVATE_KEY };
    const denied = await doctor(throughOpen(), { env: strangers });
    expect(denied.findings).toHaveLength(1);
    expect(denied.finding("problem", "reach").remedy).toBeDefined();
    expect(JSON.stringify(denied.findings)).not.toContain(strangers.CROSSVISOR_PRIVATE_KEY.split("\n")[2]);
    const unknown = await doctor(throughOpen(), { env: { ...access(open), CROSSVISOR_KNOWN_HOSTS: "# nobody\n" } });
    expect(unknown.finding("problem", "reach", /key/).remedy).toBeDefined();
    expect([denied.code, unknown.code]).toEqual([1, 1]);
  });
});
