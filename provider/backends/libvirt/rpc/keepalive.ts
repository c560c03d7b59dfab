import type { Link } from "./link.js";

export interface KeepaliveOptions {
  readonly keepaliveMs: number;
  readonly keepaliveCount?: number | undefined;
}

/** How many times longer a link may be silent while pings would not be read. */
const UNREAD = 5;

/**
 * Pings a silent daemon, and gives the link up after several pings without any byte. A daemon does not read pings while
 * its limit of calls is reached: while `full()` none is sent, and the silence may last longer. Quick calls are among the
 * unanswered ones then, so a silence of minutes is no work. Behind the data of a stream (`streams()`) pings are not read
 * either; a transfer watches its own progress.
 * A ping is answered by every libvirtd, without having been asked for by `SUPPORTS_FEATURE`.
 */
export function startKeepalive(
  link: Link,
  options: KeepaliveOptions,
  { full, streams }: { readonly full: () => boolean; readonly streams: () => boolean },
): void {
  const { keepaliveMs, keepaliveCount = 5 } = options;
  let seen = link.received;
  let silent = 0;
  const timer = setInterval(() => {
    if (link.error !== undefined) return clearInterval(timer);
    if (link.received !== seen || streams()) {
      seen = link.received;
      silent = 0;
      return;
    }
    silent++;
    if (silent > keepaliveCount * (full() ? UNREAD : 1))
      return link.fail(new Error(`no sign of life for ${(keepaliveMs * silent) / 1000} s`));
    if (!full()) link.ping();
  }, keepaliveMs);
  timer.unref();
}
