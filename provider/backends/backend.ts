import type { Driver } from "../core/driver.js";
import { Engine, type OpenHost } from "../core/engine.js";
import { ProviderError } from "../core/errors.js";
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
    return { identity, engine, close: () => b.close(connection) };
  },
});
