import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type HypervHost, openHost } from "../../provider/backends/hyperv/host.js";
import { isProviderError, type ProviderError } from "../../provider/core/errors.js";
import { type HypervOptions, openHypervHost, type HypervHost as Simulated } from "../hosts/hyperv/host.js";

/** A host that stands here for Windows with Hyper-V, and our way to it. */
export interface Lab {
  readonly simulated: Simulated;
  readonly host: HypervHost;
  /** Requests so far, by name. */
  readonly counts: Map<string, number>;
  /** Another connection to the same host. */
  connect(): HypervHost;
  close(): Promise<void>;
}

export async function openLab(options: HypervOptions = {}): Promise<Lab> {
  const simulated = await openHypervHost(options);
  const counts = new Map<string, number>();
  const opened: HypervHost[] = [];
  const { user, address, port, privateKey, knownHosts } = simulated;
  const connect = (): HypervHost => {
    const uri = `hyperv+ssh://${user}@${address}:${port}`;
    const settings = { uri, privateKey, knownHosts, sshClient: "built-in", sshConfig: "none" };
    const host = openHost(settings, { counts });
    opened.push(host);
    return host;
  };
  const close = async (): Promise<void> => {
    for (const host of opened) await host.close();
    await simulated.close();
  };
  return { simulated, host: connect(), counts, connect, close };
}

/** The URI by which other processes reach a simulated host: the key and the host's own key are files of it. */
export async function uriOf({ root, user, address, port, keyPath, knownHosts }: Simulated): Promise<string> {
  const known = join(root, "known_hosts");
  await writeFile(known, knownHosts);
  return `hyperv+ssh://${user}@${address}:${port}?keyfile=${keyPath}&known_hosts=${known}`;
}

/** The ProviderError a step fails with. */
export async function refusalOf(step: Promise<unknown>): Promise<ProviderError> {
  const outcome = await step.then(
    (value) => `it went well: ${JSON.stringify(value)}`,
    (error: unknown) => error,
  );
  if (isProviderError(outcome)) return outcome;
  throw outcome instanceof Error ? outcome : new Error(String(outcome));
}
