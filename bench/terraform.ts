import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runWell } from "../test/pulumi/run.js";

/** Terraform or OpenTofu with terraform-provider-libvirt, as paths of programs. */
export interface TerraformPeer {
  readonly name: "terraform" | "tofu";
  readonly cli: string;
  readonly provider: string;
}

/** A project of its own in a temporary folder. */
export interface TerraformProject {
  /** Writes the resources; the provider is there already. */
  program(hcl: string): Promise<void>;
  /** Without a question, and it must succeed. */
  run(command: "plan" | "apply" | "refresh" | "destroy"): Promise<void>;
  /** Removes the folder. Does not destroy what the project made. */
  close(): Promise<void>;
}

/** Milliseconds that one command may take. */
const LIMIT = 900_000;

/** The provider is taken from its file, without a registry: `dev_overrides` of the CLI configuration, which needs no `init`. */
export async function openTerraform(peer: TerraformPeer, uri: string): Promise<TerraformProject> {
  const folder = await mkdtemp(join(tmpdir(), "crossvisor-bench-tf-"));
  const cliConfig = join(folder, "cli.tfrc");
  const override = `dev_overrides {\n"dmacvicar/libvirt" = ${JSON.stringify(dirname(peer.provider))}\n}`;
  await writeFile(cliConfig, `provider_installation {\n${override}\ndirect {}\n}\n`);
  const env = { ...process.env, TF_CLI_CONFIG_FILE: cliConfig, CHECKPOINT_DISABLE: "1", TF_IN_AUTOMATION: "1" };
  return {
    program: (hcl) => writeFile(join(folder, "main.tf"), `${preamble(uri)}\n${hcl}\n`),
    run: async (command) => {
      const yes = command === "refresh" || command === "plan" ? [] : ["-auto-approve"];
      const words = [command, ...yes, "-input=false", "-no-color"];
      await runWell(peer.cli, words, { cwd: folder, env, timeout: LIMIT });
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

const preamble = (uri: string): string => `
terraform {
  required_providers {
    libvirt = { source = "dmacvicar/libvirt" }
  }
}
provider "libvirt" {
  uri = ${JSON.stringify(uri)}
}`;
