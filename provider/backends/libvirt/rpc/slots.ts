/** A number of places that are given out first come, first served. */
export class Slots {
  private taken = 0;
  private readonly queue: Waiter[] = [];

  constructor(readonly size: number) {}

  get free(): number {
    return this.size - this.taken;
  }

  /** Number of callers in the queue. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Waits for a place. The caller gives it back with `release`. Rejects with the reason of `signal`, or of `clear`. */
  async acquire(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.taken < this.size) {
      this.taken++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const abandon = (): void => {
        const at = this.queue.indexOf(waiter);
        if (at >= 0) this.queue.splice(at, 1);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        grant: () => {
          signal?.removeEventListener("abort", abandon);
          resolve();
        },
        refuse: (error) => {
          signal?.removeEventListener("abort", abandon);
          reject(error);
        },
      };
      signal?.addEventListener("abort", abandon, { once: true });
      this.queue.push(waiter);
    });
  }

  /** Gives a place back: to the first of the queue, or to nobody. */
  release(): void {
    const next = this.queue.shift();
    if (next === undefined) this.taken--;
    else next.grant();
  }

  /** Sends everybody who waits away. */
  clear(error: Error): void {
    for (const waiter of this.queue.splice(0)) waiter.refuse(error);
  }
}

interface Waiter {
  grant(): void;
  refuse(error: Error): void;
}
