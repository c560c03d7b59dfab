import { cancelOnRequest, closeOnLoss, closeOnSignals } from "./endings.js";
import { engineLog } from "./engine-log.js";
import { Hosts, type Open } from "./hosts.js";
import { type DynamicProvider, dynamicProvider } from "./provider.js";

/** The face: what state files name when they ask for the provider of a kind. The hosts of the process are shared. */
export function pulumiFace(open: Open): (kind: string) => DynamicProvider {
  const hosts = new Hosts(open);
  const world = { hosts, say: engineLog(process.argv) };
  let watched = false;
  return (kind) => {
    // Not before a provider is asked for: a program that only imports the package keeps its own signals.
    if (!watched) watch(hosts);
    watched = true;
    return dynamicProvider(kind, world);
  };
}

function watch(hosts: Hosts): void {
  closeOnSignals(hosts);
  cancelOnRequest(hosts);
  closeOnLoss(hosts, process.argv[2]);
}
