import type { Duplex } from "node:stream";
import type { HostSettings } from "../../core/settings.js";
import { dialer, type Way } from "./dial.js";
import { type Facts, readFacts } from "./facts.js";
import { Inventory } from "./inventory.js";
import { type Limits, Session } from "./rpc/session.js";
import { type HostUri, parseUri } from "./uri.js";
import { Watch } from "./watch.js";

/** One libvirt host, as its drivers use it. */
export interface LibvirtHost {
  readonly uri: HostUri;
  readonly session: Session;
  readonly inventory: Inventory;
  readonly watch: Watch;
  facts(): Promise<Facts>;
  /** A stream to the daemon of its own, beside those of the session. */
  dial(): Promise<Duplex>;
  /** Which way to the daemon the last connection took. */
  way(): Way | undefined;
  close(): Promise<void>;
}

/** Connects nobody: the first call does. `counts` collects the calls, and `limits` makes waits short, for tests. */
export function openHost(settings: HostSettings, counts?: Map<string, number>, limits: Limits = {}): LibvirtHost {
  const uri = parseUri(settings.uri);
  const way = dialer(uri, settings, limits.sshKeepaliveMs);
  const session = new Session({ uri: uri.driver, dial: () => way.dial(), counts, ...limits });
  let facts: Promise<Facts> | undefined;
  return {
    uri,
    session,
    inventory: new Inventory(session),
    watch: new Watch(session),
    facts: () => {
      facts ??= readFacts(session).catch((error: unknown) => {
        facts = undefined;
        throw error;
      });
      return facts;
    },
    dial: () => way.dial(),
    way: () => way.taken,
    close: async () => {
      await session.close();
      await way.close();
    },
  };
}
