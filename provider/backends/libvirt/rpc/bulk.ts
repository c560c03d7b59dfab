import type { Connection } from "./connection.js";
import { Slots } from "./slots.js";

/** Transfers of one host that run at once; further ones wait. */
export const BULK_MAX = 2;
/** Milliseconds for which an idle connection is kept for the next transfer. */
const KEEP = 5000;

/** Connections for transfers: each carries one at a time, so that answers never wait behind data. */
export class BulkConnections {
  private readonly places = new Slots(BULK_MAX);
  private readonly idle = new Map<Connection, NodeJS.Timeout>();
  private readonly busy = new Set<Connection>();

  constructor(private readonly open: (signal?: AbortSignal) => Promise<Connection>) {}

  /** A connection for one transfer; it must be given back with `release`. */
  async acquire(signal?: AbortSignal): Promise<Connection> {
    await this.places.acquire(signal);
    try {
      const connection = this.reuse() ?? (await this.open(signal));
      this.busy.add(connection);
      return connection;
    } catch (error) {
      this.places.release();
      throw error;
    }
  }

  release(connection: Connection): void {
    this.busy.delete(connection);
    this.places.release();
    if (connection.error !== undefined) return;
    const timer = setTimeout(() => {
      this.idle.delete(connection);
      void connection.close();
    }, KEEP);
    timer.unref();
    this.idle.set(connection, timer);
  }

  /** Sends waiting transfers away with `error`, ends running ones and closes the rest. */
  async close(error: Error): Promise<void> {
    this.places.clear(error);
    for (const connection of this.busy) connection.destroy();
    const idle = [...this.idle.keys()];
    for (const timer of this.idle.values()) clearTimeout(timer);
    this.idle.clear();
    await Promise.all(idle.map((connection) => connection.close()));
  }

  private reuse(): Connection | undefined {
    for (const [connection, timer] of this.idle) {
      clearTimeout(timer);
      this.idle.delete(connection);
      if (connection.error === undefined) return connection;
    }
    return undefined;
  }
}
