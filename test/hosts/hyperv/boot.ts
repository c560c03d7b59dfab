import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { initOf, readRecord, waitFor, writeRecord } from "../host-folder.js";
import { requirements, systemPath } from "../requirements.js";
import { hypervMissing } from "./engine.js";

/** Why a host that boots guests cannot stand here; undefined when it can. */
export const bootMissing = (): string | undefined =>
  hypervMissing() ?? requirements() ?? (existsSync("/usr/share/OVMF/OVMF_CODE_4M.fd") ? undefined : "needs ovmf");

/**
 * Starts the service that boots guests; `removeHost` ends it, and so does the end of this process.
 *
 * @returns its process id: `/proc/PID/ns/net` is the host's network.
 * @throws when it does not begin.
 */
export const startBoot = async (root: string): Promise<number> => {
  const output = await open(join(root, "boot.out"), "w");
  const flags = ["--mount", "--net", "--pid", "--fork", "--kill-child=SIGKILL"];
  const child = spawn("unshare", [...flags, "bash", join(__dirname, "boot.sh"), root], {
    stdio: ["pipe", output.fd, output.fd],
    env: { PATH: systemPath(), LC_ALL: "C" },
  });
  child.unref();
  await output.close();
  const begun = async () => {
    if (child.exitCode !== null) throw new Error(`the service of the host in ${root} has ended`);
    return initOf(root);
  };
  const init = await waitFor(begun, 30_000, () => `the service of the host in ${root} does not begin`);
  await writeRecord(root, { ...(await readRecord(root)), init });
  return init.pid;
};
