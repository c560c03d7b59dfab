import type { Link } from "./link.js";

export interface KeepaliveOptions {
  readonly keepaliveMs: number;
  readonly keepaliveCount?: number | undefined;
}

/**
 * Pings a silent daemon, and gives the link up after several pings without any byte. Only while `fair()`: a daemon
 * does not read pings while its limit of calls is reached, nor behind the data of a stream.
 * A ping is answered by every libvirtd, without having been asked for by `SUPPORTS_FEATURE`.
 */
export function startKeepalive(link: Link, options: KeepaliveOptions, fair: () => boolean): void {
  const { keepaliveMs, keepaliveCount = 5 } = options;
  let seen = link.received;
  let unanswered = 0;
  const timer = setInterval(() => {
    if (link.error !== undefined) return clearInterval(timer);
    if (link.received !== seen || !fair()) {
      seen = link.received;
      unanswered = 0;
      return;
    }
    if (unanswered >= keepaliveCount) {
      return link.fail(new Error(`no sign of life for ${(keepaliveMs * (keepaliveCount + 1)) / 1000} s`));
    }
    unanswered++;
    link.ping();
  }, keepaliveMs);
  timer.unref();
}
