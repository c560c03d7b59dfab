import type { OpenHost } from "../../core/engine.js";
import { ProviderError } from "../../core/errors.js";
import type { HostSettings } from "../../core/settings.js";

/** Opens a host without asking it anything. Throws `invalid` for a URI that means none. */
export type Open = (settings: HostSettings) => Promise<OpenHost>;

/** The engine kills the process 5 s after SIGINT (pkg/resource/plugin/plugin.go). */
const GRACE_MS = 4000;

/** The hosts of one process: one for each URI and its settings, shared by all kinds. */
export class Hosts {
  private readonly opened = new Map<string, Promise<OpenHost>>();
  private readonly stop = new AbortController();
  private readonly running = new Set<Promise<unknown>>();

  constructor(private readonly open: Open) {}

  /** Aborted when the process is told to end: steps stop waiting and keep what they have. */
  get signal(): AbortSignal {
    return this.stop.signal;
  }

  /** The host that these settings lead to. A failure is not kept: the next caller tries again. */
  at(settings: HostSettings): Promise<OpenHost> {
    const key = JSON.stringify(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
    const known = this.opened.get(key);
    if (known) return known;
    const host = this.open(settings);
    this.opened.set(key, host);
    host.catch(() => this.opened.delete(key));
    return host;
  }

  /** Runs a step that `close` waits for. */
  async run<T>(step: () => Promise<T>): Promise<T> {
    const work = step();
    this.running.add(work);
    try {
      return await work;
    } finally {
      this.running.delete(work);
    }
  }

  /** Tells running steps to end. */
  cancel(): void {
    this.stop.abort(
      new ProviderError("failed", "the step was broken off, because the process was told to end", {
        hint: "Run the command again: it looks at the host first and goes on from what is there.",
      }),
    );
  }

  /** Tells running steps to end, gives them a moment, and closes every host. */
  async close(): Promise<void> {
    this.cancel();
    await settled([...this.running]);
    const hosts = [...this.opened.values()];
    this.opened.clear();
    await settled(hosts.map(async (host) => (await host).close()));
  }
}

async function settled(work: readonly Promise<unknown>[]): Promise<void> {
  if (work.length === 0) return;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, GRACE_MS / 2);
  });
  await Promise.race([Promise.allSettled(work), limit]);
  clearTimeout(timer);
}
