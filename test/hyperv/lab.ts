import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type HypervHost, openHost } from "../../provider/backends/hyperv/host.js";
import { drivers } from "../../provider/backends/hyperv/index.js";
import type { Step } from "../../provider/core/driver.js";
import { Engine, type Kept } from "../../provider/core/engine.js";
import { isProviderError, type ProviderError } from "../../provider/core/errors.js";
import type { Kind } from "../../provider/core/kind.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
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

export type Words = Readonly<Record<string, unknown>>;
export type Made = Kept<Kind>;

export const silent = (): Omit<Step, "made"> => ({ report: () => undefined, signal: new AbortController().signal });

/** The engine of a kind on a host, whatever the kind. */
export const engineOn = (connection: HypervHost, kind: KindName): Engine<Kind, never> =>
  new Engine(kinds[kind] as Kind, drivers[kind] as never, { name: "hv", connection: connection as never });

/** What a declaration says, with defaults; the stack `p/s` owns it. */
export const checkedOn = (host: HypervHost, kind: KindName, words: Words) =>
  engineOn(host, kind).check({ owner: "p/s", ...words }).inputs;

export const createOn = (host: HypervHost, kind: KindName, words: Words, step = silent()): Promise<Made> =>
  engineOn(host, kind).create(checkedOn(host, kind, words), step);

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
