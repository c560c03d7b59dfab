import { subscribe } from "node:diagnostics_channel";
import { connect } from "node:http2";
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

const CANCEL = "/pulumirpc.ResourceProvider/Cancel";

/**
 * Hears the user's first ^C. Pulumi does not pass it on to the process: it calls `Cancel`, which the dynamic provider
 * process answers without telling anybody, and waits for the steps. Node tells of each call that its HTTP/2 server gets
 * (`http2.server.stream.start`, measured with Node 24.21); where it does not, steps run to their end as before.
 */
export function cancelOnRequest(hosts: Hosts): void {
  subscribe("http2.server.stream.start", (message) => {
    const { headers } = message as { readonly headers?: Readonly<Record<string, unknown>> };
    if (headers?.[":path"] === CANCEL) hosts.cancel();
  });
}

/**
 * Ends the process when the engine is gone without having said so, as after SIGKILL. Nothing else would: the process
 * would live on, go on with its step beside the user's next command, and keep its connections. `address` is that of the
 * engine (`HOST:PORT`); a connection to it is kept for nothing but its end, and nothing is watched where there is none.
 */
export function closeOnLoss(hosts: Hosts, address: string | undefined): void {
  if (address === undefined || !/:\d+$/.test(address)) return;
  const engine = connect(`http://${address}`);
  engine.unref();
  let wasThere = false;
  let failure: string | undefined;
  engine.once("connect", () => {
    wasThere = true;
  });
  engine.once("error", (error: NodeJS.ErrnoException) => {
    failure = error.code;
  });
  engine.once("close", () => {
    if (failure === "ECONNREFUSED") end(hosts);
    // An engine that is just dying may take a connection and reset it before anybody here hears that it was made.
    else if (wasThere || failure === "ECONNRESET") closeOnLoss(hosts, address);
  });
}
