import { Config } from "@pulumi/pulumi";
import { VirtualMachine } from "crossvisor";

// A machine without a disk is enough to see what an edit would do: change the configuration and run `pulumi preview`.
const config = new Config();
const machine = new VirtualMachine("web", {
  name: config.get("name") ?? "web",
  cpus: config.getNumber("cpus") ?? 2,
  maxCpus: 4,
  memory: config.get("memory") ?? "512MiB",
  maxMemory: "1GiB",
  shutdown: { timeout: 1 }, // nothing in it would listen
  restartPolicy: config.get<"ifNeeded" | "never">("restartPolicy") ?? "ifNeeded",
});
export const { state, instance } = machine;
