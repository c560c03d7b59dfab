import type { Driver } from "../core/driver.js";
import { Engine, type OpenHost } from "../core/engine.js";
import { ProviderError } from "../core/errors.js";
import type { Finding, Look } from "../core/finding.js";
import type { Kind } from "../core/kind.js";
import type { HostSettings } from "../core/settings.js";
import { type Kinds, kinds } from "../kinds/index.js";

/** One hypervisor: which URIs mean it, how to open a host, and one driver for each kind (exhaustive by type). */
export interface Backend<H> {
  readonly name: string;
  /** URI schemes, without the colon: `qemu+ssh`. */
  readonly schemes: readonly string[];
  /** The canonical, secret-free spelling of a URI. Throws `invalid` for one that cannot be understood. */
  identify(uri: string): string;
  /** No I/O: the first step that needs the host connects. */
  open(settings: HostSettings): H;
  close(host: H): Promise<void>;
  /**
   * What is there of all that declarations may need, and what is not, each with its remedy. Leaves nothing on the host.
   * Never throws for what is wrong with the host, not even when it cannot be reached, and ends within minutes whatever
   * the host does: what could not be found out is `unknown`.
   */
  diagnose(host: H, look: Look): Promise<readonly Finding[]>;
  readonly drivers: { readonly [N in keyof Kinds]: Driver<Kinds[N], H> };
}

/** A backend whose host type is hidden, so that several stand in one table. */
export interface AnyBackend {
  readonly name: string;
  readonly schemes: readonly string[];
  identify(uri: string): string;
  host(settings: HostSettings): OpenHost;
}

export const backend = <H>(b: Backend<H>): AnyBackend => ({
  name: b.name,
  schemes: b.schemes,
  identify: b.identify,
  host: (settings) => {
    const identity = b.identify(settings.uri);
    const connection = b.open(settings);
    const engine = (name: string): Engine<Kind, unknown> => {
      const kind = (kinds as Readonly<Record<string, Kind>>)[name];
      const driver = (b.drivers as unknown as Readonly<Record<string, Driver<Kind, unknown>>>)[name];
      if (!kind || !driver) throw new ProviderError("bug", `there is no kind "${name}"`);
      return new Engine(kind, driver, { name: identity, connection });
    };
    return { identity, engine, diagnose: (look) => b.diagnose(connection, look), close: () => b.close(connection) };
  },
});
