import { isProviderError } from "../../core/errors.js";
import { Memo } from "../memo.js";
import { DomainStats, DomainStatsFlags, ObjectList } from "./rpc/flags.js";
import { domains } from "./rpc/procedures/domain.js";
import { networks } from "./rpc/procedures/network.js";
import { secrets } from "./rpc/procedures/secret.js";
import { pools } from "./rpc/procedures/storage.js";
import type { Session } from "./rpc/session.js";
import { byField, type DomainRef, type NetworkRef, type PoolRef, type SecretRef, type VolumeRef } from "./rpc/types.js";

export type Stats = Readonly<Record<string, number | boolean | string>>;

/** A domain of the host: what the lists and the bulk statistics say of it. */
export interface DomainEntry {
  readonly ref: DomainRef;
  readonly autostart: boolean;
  /** `undefined` where the driver has no bulk statistics. */
  readonly stats: Stats | undefined;
}

/** A network or pool: `active` runs, `autostart` starts with the host. */
export interface Entry<Ref> {
  readonly ref: Ref;
  readonly active: boolean;
  readonly autostart: boolean;
}

/** Entries as objects of a kind whose id is the UUID. */
export const listed = (
  entries: ReadonlyMap<string, { readonly ref: { readonly name: string; readonly uuid: string } }>,
) => [...entries.values()].map(({ ref }) => ({ id: ref.uuid, name: ref.name, properties: {}, outputs: {} }));

const AUTOSTART = 1024;
const WANTED_STATS =
  DomainStats.state | DomainStats.balloon | DomainStats.vcpu | DomainStats.interface | DomainStats.block;

/**
 * What a host holds, read in bulk and shared by everybody who asks within seconds: a refresh of N resources costs a
 * handful of lists and one description each. Forget it after a write (`forget`).
 */
export class Inventory {
  private readonly memo = new Memo();
  /** Whether this process has written to the host: from then on single objects are asked for themselves. */
  private written = false;

  constructor(private readonly session: Session) {}

  /** True while bulk answers are as good as single ones: nothing was written by this process yet. */
  get fresh(): boolean {
    return !this.written;
  }

  /** To be called before any write. */
  forget(): void {
    this.written = true;
    this.memo.forget();
  }

  /** Shares any other answer about the host in the same way. */
  share<T>(key: string, ask: () => Promise<T>): Promise<T> {
    return this.memo.share(key, ask);
  }

  /** By UUID. Two calls: statistics name every domain, started or not; three where the driver has none. */
  domains(): Promise<ReadonlyMap<string, DomainEntry>> {
    return this.share("domains", async () => {
      const [started, stats] = await Promise.all([
        this.session.call(domains.list, { flags: AUTOSTART }),
        this.statistics([]),
      ]);
      const auto = new Set(started.map((d) => d.uuid));
      const all =
        stats ?? (await this.session.call(domains.list, { flags: 0 })).map((dom) => ({ dom, params: undefined }));
      return new Map(
        all.map(({ dom: ref, params }) => [
          ref.uuid,
          { ref, autostart: auto.has(ref.uuid), stats: params && byField(params) },
        ]),
      );
    });
  }

  /** Statistics of some domains, or of all; empty where the driver has none. */
  async stats(doms: readonly DomainRef[]): Promise<ReadonlyMap<string, Stats>> {
    const answers = (await this.statistics(doms)) ?? [];
    return new Map(answers.map(({ dom, params }) => [dom.uuid, byField(params)]));
  }

  /** `undefined` where the driver has none. */
  private async statistics(doms: readonly DomainRef[]) {
    const asked = { doms, stats: WANTED_STATS, flags: doms.length === 0 ? DomainStatsFlags.noWait : 0 };
    try {
      return await this.session.call(domains.allStats, asked);
    } catch (error) {
      if (isProviderError(error, "unsupported")) return undefined;
      throw error;
    }
  }

  /** By UUID. Three calls. */
  networks(): Promise<ReadonlyMap<string, Entry<NetworkRef>>> {
    return this.share("networks", () =>
      this.entries<NetworkRef>((flags) => this.session.call(networks.list, { flags })),
    );
  }

  /** By UUID. Three calls. */
  pools(): Promise<ReadonlyMap<string, Entry<PoolRef>>> {
    return this.share("pools", () => this.entries<PoolRef>((flags) => this.session.call(pools.list, { flags })));
  }

  /** The volumes of one started pool, which is read anew from its storage first. Two calls. */
  volumes(pool: PoolRef): Promise<readonly VolumeRef[]> {
    return this.share(`volumes ${pool.uuid}`, async () => {
      await this.session.call(pools.refresh, { pool, flags: 0 });
      return this.session.call(pools.volumes, { pool, flags: 0 });
    });
  }

  /** Leases of one network's DHCP server. One call. */
  leases(net: NetworkRef) {
    return this.share(`leases ${net.uuid}`, () =>
      this.session.call(networks.leases, { net, mac: undefined, flags: 0 }),
    );
  }

  /** Description of one network; `inactive` is its definition. One call. */
  networkXml(net: NetworkRef, flags = 0): Promise<string> {
    return this.share(`network ${flags} ${net.uuid}`, () => this.session.call(networks.xml, { net, flags }));
  }

  /** Secrets of the host: they mark volumes (see `mark.ts`). Empty where the driver keeps none. One call. */
  secrets(): Promise<readonly SecretRef[]> {
    return this.share("secrets", async () => {
      try {
        return await this.session.call(secrets.list, { flags: 0 });
      } catch (error) {
        if (isProviderError(error, "unsupported")) return [];
        throw error;
      }
    });
  }

  private async entries<Ref extends { readonly uuid: string }>(list: (flags: number) => Promise<readonly Ref[]>) {
    const [all, running, started] = await Promise.all([list(0), list(ObjectList.active), list(ObjectList.autostart)]);
    const [active, autostart] = [running, started].map((refs) => new Set(refs.map((r) => r.uuid)));
    const entry = (ref: Ref): Entry<Ref> => ({
      ref,
      active: active?.has(ref.uuid) ?? false,
      autostart: autostart?.has(ref.uuid) ?? false,
    });
    return new Map(all.map((ref) => [ref.uuid, entry(ref)]));
  }
}
