import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { connect, networks } from "../../provider/backends/libvirt/rpc/index.js";
import { isProviderError } from "../../provider/core/errors.js";
import { permissions } from "../docs/rights.js";
import { doctor } from "../doctor/lab.js";
import { waitFor } from "../hosts/host-folder.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { allow, polkitMissing, relay, startPolkit } from "../hosts/polkit.js";
import { life } from "./life.js";
import { otherMissing } from "./other-user.js";

const missing = requirements() ?? otherMissing() ?? polkitMissing();
const title = "a host where polkit decides";

const MANAGE = "org.libvirt.unix.manage";
const action = (permission: string) => `org.libvirt.api.${permission.replace(":", ".")}`;

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtHost;
  let nobody: Awaited<ReturnType<typeof relay>>;
  beforeAll(async () => {
    lab = await startLibvirtd({ libvirtdConf: ['auth_unix_rw = "polkit"', 'unix_sock_rw_perms = "0777"'] });
    nobody = await relay(lab);
  });
  afterAll(async () => {
    nobody?.stop();
    await lab?.stop();
  });

  const XML = "<network><name>x</name><bridge name='x0'/></network>";
  /** What `nobody` is answered: two calls, one that looks and one that changes. */
  const answer = async (change = false): Promise<string> => {
    const host = openHost({ uri: nobody.uri });
    try {
      await host.session.call(connect.hostname, undefined);
      if (change) await host.session.call(networks.define, { xml: XML });
      return "allowed";
    } catch (error) {
      if (!isProviderError(error, "denied")) throw error;
      return `${error.fact}. ${error.hint}`;
    } finally {
      await host.close();
    }
  };
  /** Rules are taken over in a moment. */
  const becomes = async (right: RegExp, change = false) => {
    let last = "";
    const look = async () => {
      last = await answer(change);
      return right.test(last) ? last : undefined;
    };
    return waitFor(look, 20_000, () => `it does not become ${right}: ${last}`);
  };

  it("says who decides where nobody is there to do so", async () => {
    expect(await answer()).toMatch(/system bus.*Start D-Bus and polkit on the host.*restart libvirt/);
    const { findings, code } = await doctor(nobody.uri);
    expect({ code, findings }).toMatchObject({ code: 1, findings: [{ topic: "reach", level: "problem" }] });
    expect((await doctor(lab.uri, { options: ["--no-try"] })).levels("reach"), "root needs no leave").toEqual(["ok"]);
  });

  it("says what polkit misses, and what it refuses, with the rule to give", async () => {
    await startPolkit(lab);
    // From here on it is asked for each object too; before, that would have shut out root as well.
    await appendFile(join(lab.root, "etc/libvirtd.conf"), 'access_drivers = [ "polkit" ]\n');
    await lab.restart();
    expect(await answer()).toMatch(/no polkit agent available.*group libvirt.*org\.libvirt\.unix\.manage.*rule/);
    await allow(lab, []);
    expect(await becomes(/access denied by policy/)).toMatch(/group libvirt.*org\.libvirt\.unix\.manage.*rule/);
  });

  it("lets in whom a rule allows, to look and not to change", async () => {
    await allow(lab, [MANAGE, ...[...permissions(true), "connect:write"].map(action)]);
    await becomes(/allowed/);
    expect(await answer(true)).toMatch(/access denied.*polkit rule.*org\.libvirt\.api\./);
    const { findings } = await doctor(nobody.uri, { options: ["--no-try"] });
    expect(findings.filter(({ level }) => level === "unknown")).toEqual([]);
  });

  it("needs no more than the permissions that are listed", async () => {
    await allow(lab, [MANAGE, ...[...permissions(true), ...permissions(false)].map(action)]);
    await becomes(/allowed/, true);
    await lab.virsh("net-undefine", "x");
    await life(lab, { uri: nobody.uri });
  });
});
