import { type ChildProcess, spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../hosts/host-folder.js";
import { requirements, systemPath } from "../hosts/requirements.js";
import { asOther, identity, OTHER, otherMissing } from "./other-user.js";

const missing = requirements() ?? otherMissing();
const title = "a user's own libvirtd";

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let folder: string;
  let daemon: ChildProcess;
  let env: Readonly<Record<string, string>>;
  beforeAll(async () => {
    folder = await mkdtemp("/var/tmp/cvs-");
    const at = (name: string): string => join(folder, name);
    // Short names: a channel's socket below the home folder has 75 characters, and 107 are the limit.
    for (const name of ["run", "h"]) {
      await mkdir(at(name));
      await chown(at(name), OTHER, OTHER);
    }
    await chmod(folder, 0o755);
    env = { XDG_RUNTIME_DIR: at("run"), HOME: at("h") };
    daemon = spawn("setpriv", ["--pdeathsig=TERM", ...identity([]), "libvirtd"], {
      stdio: ["ignore", "ignore", "ignore"],
      cwd: "/",
      env: { PATH: systemPath(), ...env },
    });
    const answers = async () => ((await asOther({ uri: "qemu:///session", env })).ok ? true : undefined);
    await waitFor(answers, 60_000, () => readFile(at("h/.cache/libvirt/libvirtd.log"), "utf8").catch(String));
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => daemon?.once("close", resolve));
    daemon?.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  });

  it("is found in the user's runtime folder", async () => {
    expect(await asOther({ uri: "qemu:///session", env })).toMatchObject({ ok: true });
    const nowhere = await asOther({ uri: "qemu:///session", env: { ...env, XDG_RUNTIME_DIR: join(folder, "none") } });
    expect(nowhere).toMatchObject({ ok: false, code: "not-found" });
    expect(nowhere.text).toContain(join(folder, "none/libvirt"));
  });

  it("keeps pools, volumes and machines of the user, and says what a session cannot", async () => {
    const answer = await asOther({
      uri: "qemu:///session",
      env,
      program: "session-job.ts",
      words: [join(folder, "h")],
    });
    expect(answer, answer.text).toMatchObject({ ok: true });
    const { running, gone, network } = JSON.parse(answer.text) as Readonly<Record<string, unknown>>;
    expect({ running, gone }).toEqual({ running: "running", gone: true });
    expect(network).toMatch(/session/);
  });
});
