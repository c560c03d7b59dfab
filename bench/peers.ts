import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { sshdMissing } from "../test/ssh/sshd.js";
import type { TerraformPeer } from "./terraform.js";

/** Whom we are measured against. */
export interface Peers {
  readonly terraform: TerraformPeer | undefined;
  readonly virsh: string | undefined;
  readonly sftp: string | undefined;
  /** Who is missing, and why. */
  readonly missing: readonly string[];
}

/** Looks for peers on PATH, and for those that `tools/bench` built in the folder that `CROSSVISOR_BENCH_PEERS` names. */
export function findPeers(): Peers {
  const built = process.env["CROSSVISOR_BENCH_PEERS"] ?? "";
  const provider = found("terraform-provider-libvirt", built);
  const tofu = found("tofu", built, process.env["PATH"]);
  const terraform = found("terraform", process.env["PATH"]);
  const cli = tofu ?? terraform;
  const virsh = found("virsh", process.env["PATH"]);
  const sftp = sshdMissing === undefined ? found("sftp", process.env["PATH"]) : undefined;
  return {
    terraform: provider && cli ? { name: tofu === undefined ? "terraform" : "tofu", cli, provider } : undefined,
    virsh,
    sftp,
    missing: [
      ...(provider === undefined ? ["terraform-provider-libvirt (skipped: it was not built; tools/bench does)"] : []),
      ...(cli === undefined ? ["OpenTofu and Terraform (skipped: neither is here)"] : []),
      ...(virsh === undefined ? ["virsh (skipped: it is not installed)"] : []),
      ...(sftp === undefined ? [`sftp (skipped: ${sshdMissing ?? "it is not installed"})`] : []),
    ],
  };
}

function found(name: string, ...lists: readonly (string | undefined)[]): string | undefined {
  const folders = lists.flatMap((list) => (list ?? "").split(delimiter)).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
