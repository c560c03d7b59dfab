import { Config } from "@pulumi/pulumi";
import { Network, StoragePool, VirtualMachine, Volume } from "crossvisor";

const config = new Config();
const network = new Network("quickstart", { cidr: "192.168.50.0/24" });
const pool = new StoragePool("quickstart", {
  path: config.get("pool") ?? "/var/lib/libvirt/images/quickstart",
  onDelete: "delete",
});
const disk = new Volume("quickstart.qcow2", { pool, source: config.require("image") });
const machine = new VirtualMachine("quickstart", {
  memory: config.get("memory") ?? "1GiB",
  maxMemory: config.get("maxMemory") ?? "2GiB",
  disks: [{ volume: disk }],
  networks: [{ network }],
  cloudInit: { userData: "#!/bin/sh\nmkdir -p /www && echo hello from crossvisor >/www/index.html\n" },
});
export const { ipAddress, state } = machine;
