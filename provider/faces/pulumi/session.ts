import type { Step } from "../../core/driver.js";
import type { Engine, OpenHost } from "../../core/engine.js";
import { ProviderError } from "../../core/errors.js";
import type { Kind } from "../../core/kind.js";
import type { HostSettings } from "../../core/settings.js";
import type { Fields } from "../../core/values.js";
import type { Say } from "./engine-log.js";
import { Failure } from "./failures.js";
import type { Hosts } from "./hosts.js";
import { type Entry, fingerprint } from "./state.js";

export type AnyEngine = Engine<Kind, unknown>;
/** Checked inputs of any kind, as the engine's types want them. */
export type Inputs = Parameters<AnyEngine["create"]>[0];

/** What a provider works with; shared by the providers of all kinds. */
export interface World {
  readonly hosts: Hosts;
  readonly say: Say;
}

/** An object on a host, whichever entry of the state means it. */
export type Place = `${string} ${string}`;

/** What a check of this process found: the engine's next calls for the same declaration refer to it. */
export interface Checked {
  readonly urn: string | undefined;
  /** Inputs before this operation; `undefined` for a resource that is new. */
  readonly before: Fields | undefined;
  /** What a comparison has seen it as: a further check without a past is that of a replacement. */
  compared: Place | undefined;
}

/** The provider of one kind in one process. */
export interface Session extends World {
  readonly kind: Kind;
  /** By fingerprint of the checked declaration. */
  readonly checked: Map<string, Checked>;
  /** What this process has checked last of each resource, by host and URN: two of them may mean the same thing. */
  readonly declared: Map<string, Map<string, Fields>>;
  /**
   * What the program keeps: made by this process, or compared and not to be replaced. The engine may still delete it for
   * an old entry of the state that means the same object: after a replacement that was not asked for here (`--replace`,
   * `replaceOnChanges`), and when a resource comes back to a host where its deletion had failed.
   */
  readonly kept: Set<Place>;
  /**
   * The process hands a provider out before `configure` has ended, and keeps it after a failure: every step waits for
   * this promise, which is set before anything else can run and keeps a rejection.
   */
  ready: Promise<HostSettings | undefined>;
}

export function session(kind: Kind, world: World): Session {
  const ready = Promise.reject(new Failure("the provider was not configured"));
  ready.catch(() => undefined);
  return { ...world, kind, checked: new Map(), declared: new Map(), kept: new Set(), ready };
}

/** The configured host; `undefined` when a preview does not know it yet. */
export async function configured({ ready, hosts }: Session): Promise<OpenHost | undefined> {
  const settings = await ready;
  return settings && hosts.at(settings);
}

/** The host that the state recorded, whatever is configured now; its access is that of the configured one. */
export async function hostOf(s: Session, at: Entry): Promise<{ engine: AnyEngine; identity: string }> {
  const settings = await s.ready;
  if (settings === undefined) throw new ProviderError("bug", "the host is still unknown although it is needed");
  const current = await s.hosts.at(settings);
  const away = typeof at.host === "string" && at.host !== current.identity;
  const there = away ? await s.hosts.at({ ...settings, uri: String(at.host) }) : current;
  return { engine: there.engine(s.kind.name), identity: there.identity };
}

export const placeOf = (host: unknown, id: string): Place => `${String(host)} ${id}`;

/** What a step may tell, with the name of the resource. */
export const stepOf = (s: Session, at: Entry): Omit<Step, "made"> => ({
  signal: s.hosts.signal,
  report: (line) => {
    void s.say(`${nameOf(s.kind, at)}: ${line}`, s.checked.get(fingerprint(at.declared))?.urn);
  },
});

export const nameOf = (kind: Kind, at: Entry): string => {
  const { name } = at.declared;
  return typeof name === "string" ? name : kind.title;
};
