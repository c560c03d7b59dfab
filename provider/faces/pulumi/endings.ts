import { subscribe } from "node:diagnostics_channel";
import type { EventEmitter } from "node:events";
import { connect } from "node:net";
import type { Hosts } from "./hosts.js";

/**
 * Ends the process cleanly when the engine is done with it (it sends SIGINT). The answer of a step that ends now still
 * leaves the process: the exit waits a moment for it.
 */
export function closeOnSignals(hosts: Hosts): void {
  process.once("SIGINT", () => end(hosts));
  process.once("SIGTERM", () => end(hosts));
}

const end = (hosts: Hosts): void => {
  hosts.close().finally(() => setTimeout(() => process.exit(0), 50));
};

/** What Node tells of each call that an HTTP/2 server gets (`http2.server.stream.start`, measured with Node 24.21). */
interface Call {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly stream?: { readonly session?: EventEmitter };
}

const onCall = (heard: (call: Call) => void): void =>
  subscribe("http2.server.stream.start", (message) => heard(message as Call));

const CANCEL = "/pulumirpc.ResourceProvider/Cancel";

/**
 * Hears the user's first ^C. Pulumi does not pass it on to the process: it calls `Cancel`, which the dynamic provider
 * process answers without telling anybody, and waits for the steps. Where Node does not tell of calls, steps run to their
 * end as before.
 */
export function cancelOnRequest(hosts: Hosts): void {
  onCall(({ headers }) => {
    if (headers?.[":path"] === CANCEL) hosts.cancel();
  });
}

/**
 * Ends the process when the engine is gone without having said so, as after SIGKILL. Nothing else would: the process
 * would live on, go on with its step beside the user's next command, and keep its connections. `address` is that of the
 * engine (`HOST:PORT`). A connection that only was idle for long ends too, so the engine is looked for first.
 */
export function closeOnLoss(hosts: Hosts, address: string | undefined): void {
  const [host, port] = address?.split(":") ?? [];
  if (host === undefined || port === undefined) return;
  const known = new WeakSet<EventEmitter>();
  const look = () => {
    const engine = connect(Number(port), host, () => engine.destroy());
    engine.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") end(hosts);
    });
  };
  onCall(({ stream }) => {
    const session = stream?.session;
    if (session === undefined || known.has(session)) return;
    known.add(session);
    session.once("close", look);
  });
}
