import type { Duplex } from "node:stream";
import { ProviderError } from "../../core/errors.js";
import type { HostSettings } from "../../core/settings.js";
import { localTransport } from "../../transports/local.js";
import { loginTransport } from "../../transports/login.js";
import { openTcp } from "../../transports/tcp.js";
import type { Transport } from "../../transports/transport.js";
import { dialTls, TCP_PORT } from "./tls.js";
import type { HostUri } from "./uri.js";

/** How the daemon's socket is reached, again for each connection. */
export interface Dialer {
  dial(): Promise<Duplex>;
  /** Which way the last stream took; `undefined` before the first. */
  readonly taken: Way | undefined;
  close(): Promise<void>;
}

/** By a socket, or over SSH by the helper on the host that finds it. */
export type Way = { readonly socket: string } | { readonly helper: string };

/**
 * The way to a host's daemon. Without `socket=` the sockets are tried in libvirt's own order: the modular daemon's
 * first, then the monolithic one (remote_sockets.c). Over SSH, where sockets cannot be forwarded or are not where we
 * look, libvirt's own helper finds them (`virt-ssh-helper`, since libvirt 6.8).
 */
export function dialer(uri: HostUri, settings: HostSettings, sshKeepaliveMs?: number): Dialer {
  if (uri.transport === "tls") return direct(() => dialTls(uri, settings));
  if (uri.transport === "tcp") return direct(() => openTcp({ host: uri.host ?? "", port: uri.port ?? TCP_PORT }));
  let transport: Promise<Transport> | undefined;
  let taken: Way | undefined;
  const open = () => {
    transport ??=
      uri.transport === "ssh" ? loginTransport(uri, settings, sshKeepaliveMs) : Promise.resolve(localTransport());
    return transport;
  };
  return {
    dial: async () => {
      const { stream, way } = await dialThrough(await open(), uri);
      taken = way;
      return stream;
    },
    get taken() {
      return taken;
    },
    close: async () => (await transport)?.close(),
  };
}

const direct = (dial: () => Promise<Duplex>): Dialer => ({ dial, taken: undefined, close: async () => undefined });

const HELPER = "virt-ssh-helper";

async function dialThrough(transport: Transport, uri: HostUri): Promise<{ stream: Duplex; way: Way }> {
  let first: unknown;
  for (const socket of sockets(uri)) {
    try {
      return { stream: await transport.connect(socket), way: { socket } };
    } catch (error) {
      if (!goesOn(error)) throw error;
      first ??= error;
    }
  }
  if (uri.transport === "unix" || uri.socket !== undefined) throw first;
  try {
    return { stream: await transport.pipe([HELPER, uri.driver]), way: { helper: HELPER } };
  } catch (error) {
    if (!(error instanceof ProviderError) || error.code !== "not-found") throw error;
    throw new ProviderError("unreachable", "the host forwards no unix sockets and has no virt-ssh-helper", {
      cause: error,
      hint: "Install libvirt (6.8 or newer) there and start it, or allow AllowStreamLocalForwarding in its sshd_config.",
    });
  }
}

/** Only a missing socket, or a refusal that may mean one, leads on to the next place. */
const goesOn = (error: unknown): boolean =>
  error instanceof ProviderError && ["not-found", "unsupported", "unreachable"].includes(error.code);

/** Over SSH a session's socket is in a folder that only the host knows: the helper finds it. */
function sockets(uri: HostUri): readonly string[] {
  if (uri.socket !== undefined) return [uri.socket];
  const modular = uri.hypervisor === "qemu" && uri.mode !== "legacy" ? ["virtqemud-sock"] : [];
  const names = [...modular, ...(uri.mode === "direct" ? [] : ["libvirt-sock"])];
  if (uri.path !== "session") return names.map((name) => `/var/run/libvirt/${name}`);
  if (uri.transport === "ssh") return [];
  const runtime = process.env["XDG_RUNTIME_DIR"];
  const folder = runtime === undefined ? `${process.env["HOME"]}/.cache/libvirt` : `${runtime}/libvirt`;
  return names.map((name) => `${folder}/${name}`);
}
