import { getCiphers } from "node:crypto";
import { connect as connectSocket, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import ssh2, { type CipherAlgorithm, type Client, type ConnectConfig } from "ssh2";
import { ProviderError } from "../core/errors.js";
import { hostKeyJudge } from "./host-key.js";
import { type AuthLog, authHandler, collectCredentials } from "./ssh-auth.js";
import { connectError, nameOf, type SshError } from "./ssh-errors.js";
import { gather } from "./ssh-gather.js";
import type { Hop } from "./ssh-options.js";

/** A chain of logged-in connections; streams are opened on the last one. */
export interface Dialled {
  readonly client: Client;
  /** Ends the whole chain. */
  close(): void;
}

/** Connects hop by hop; each hop's host key is checked and each has its own login. The signal gives the dialling up. */
export async function dial(route: readonly Hop[], signal: AbortSignal): Promise<Dialled> {
  const clients: Client[] = [];
  const close = (): void => {
    for (const client of clients.toReversed()) client.end();
  };
  try {
    let before: { readonly client: Client; readonly hop: Hop } | undefined;
    for (const hop of route) {
      const sock = before === undefined ? undefined : await forward(before.client, before.hop, hop);
      const client = await login(hop, { sock, through: before === undefined ? undefined : nameOf(before.hop), signal });
      clients.push(client);
      before = { client, hop };
    }
    if (before === undefined) throw new ProviderError("bug", "a route without hosts");
    return { client: before.client, close };
  } catch (error) {
    close();
    throw error;
  }
}

interface Way {
  /** The stream through the jump host in front, and that host's name; both absent for a direct connection. */
  readonly sock: Duplex | undefined;
  readonly through: string | undefined;
  readonly signal: AbortSignal;
}

async function login(hop: Hop, { sock, through, signal }: Way): Promise<Client> {
  const owner = { host: hop.hostKeyAlias ?? hop.host, port: hop.port, alias: hop.hostKeyAlias !== undefined };
  const judge = await hostKeyJudge(owner, hop.hostKeyCheck, hop.knownHosts);
  const { usable, skipped } = await collectCredentials(hop);
  const log: AuthLog = { tried: [], offered: [] };
  let refused: ProviderError | undefined;
  const config: ConnectConfig = {
    username: hop.user,
    readyTimeout: hop.connectTimeout,
    keepaliveInterval: hop.keepalive,
    keepaliveCountMax: 3,
    algorithms: { serverHostKey: judge.algorithms, cipher: ciphers() },
    authHandler: authHandler(hop.user, usable, log),
    hostVerifier: (key: Buffer, verify: (good: boolean) => void) => {
      judge.accept(key).then(
        () => verify(true),
        (error) => {
          refused = error;
          verify(false);
        },
      );
    },
  };
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    const fail = (error: SshError): void => {
      // ssh2 reports a key that the agent would not sign with, and goes on with the next one by itself.
      if (error.level === "agent" || /^Error (while )?signing/.test(error.message)) return;
      client.end();
      reject(refused ?? connectError(error, { hop, log, skipped, through }));
    };
    client.on("error", fail);
    client.once("close", () => fail(new Error("the connection was closed during the login")));
    const giveUp = (): void => {
      refused = new ProviderError("timeout", `connecting to ${nameOf(hop)} was given up`);
      client.destroy();
      fail(refused);
    };
    if (signal.aborted) return giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    client.once("ready", () => {
      signal.removeEventListener("abort", giveUp);
      client.setNoDelay(true);
      resolve(client);
    });
    client.connect({ ...config, sock: sock ?? gatheringSocket(hop) });
  });
}

function gatheringSocket({ host, port }: Hop): Socket {
  const socket = connectSocket({ host, port });
  gather(socket);
  return socket;
}

/** AES-GCM first: hardware does it in one pass. ssh2's own order depends on its native addon. */
const ciphers = (): CipherAlgorithm[] => [
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
  ...(getCiphers().includes("chacha20") ? (["chacha20-poly1305@openssh.com"] as const) : []),
];

const forward = (client: Client, jump: Hop, target: Hop): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    client.forwardOut("127.0.0.1", 0, target.host, target.port, (error, channel) => {
      if (error === undefined) return resolve(channel);
      const fact = `the jump host ${nameOf(jump)} cannot reach ${target.host}:${target.port} (${error.message})`;
      const hint =
        "Check that the jump host resolves and reaches the name, and that its sshd has AllowTcpForwarding yes.";
      reject(new ProviderError("unreachable", fact, { hint, cause: error }));
    });
  });
