import { Config } from "@pulumi/pulumi";
import { Host, Network, VirtualMachine } from "crossvisor";

// A network with a machine on the host of `crossvisor:uri`, and the same on a second host with a login of its own. The
// machines have no disk, so nothing in them would listen to a request to shut down.
const config = new Config();
const second = new Host("second", {
  uri: config.require("second"),
  privateKey: config.getSecret("secondKey"),
  knownHosts: config.get("secondKnownHosts"),
});
const places = [{ suffix: "" }, { suffix: "-second", opts: { provider: second } }];
const machines = places.map(({ suffix, opts }) => {
  const network = new Network(`lan${suffix}`, { name: "lan", cidr: "192.168.50.0/24" }, opts);
  const args = { name: "web", memory: "256MiB", networks: [{ network }], shutdown: { timeout: 1 } };
  return new VirtualMachine(`web${suffix}`, args, opts);
});
export const hosts = machines.map((machine) => machine.host);
