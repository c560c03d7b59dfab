import { readFile } from "node:fs/promises";
import ssh2, { type AnyAuthMethod, type AuthHandlerMiddleware, type ParsedKey } from "ssh2";
import { fingerprint } from "./known-hosts.js";
import type { Hop } from "./ssh-options.js";

/** One thing to log in with; `label` names it without giving anything away. */
export interface Credential {
  readonly label: string;
  readonly method: AnyAuthMethod;
}

/** What there is to log in with, in the order of trying, and what had to be left aside, with the reason. */
export interface Credentials {
  readonly usable: readonly Credential[];
  readonly skipped: readonly string[];
}

interface IdentityFile {
  readonly path: string;
  /** The public half: from the .pub file or the key itself; it finds the key in the agent. */
  readonly publicKey: Buffer | undefined;
  readonly key: ParsedKey | undefined;
  readonly problem: string | undefined;
}

/**
 * Collects what a hop can log in with. Order: the given key, the agent's keys that belong to identity files, identity
 * files, other keys of the agent, password. Files the user named come before the agent's other keys, because a server
 * closes the connection after a few wrong keys (MaxAuthTries, 6 by default).
 */
export async function collectCredentials(hop: Hop): Promise<Credentials> {
  const skipped: string[] = [];
  const user = hop.user;
  const own: Credential[] = [];
  if (hop.privateKey !== undefined) {
    const key = parsePrivate(hop.privateKey, hop.passphrase);
    if (typeof key === "string") skipped.push(`the given private key (${key})`);
    else
      own.push({
        label: `the given private key (${describe(key)})`,
        method: { type: "publickey", username: user, key },
      });
  }
  const files = await Promise.all(hop.identityFiles.map((path) => readIdentity(path, hop.passphrase)));
  const held = await agentKeys(hop.agent, skipped);
  const belongs = (key: ParsedKey): boolean => files.some((file) => file.publicKey?.equals(key.getPublicSSH()));
  const fromAgent = (keys: ParsedKey[]): Credential[] =>
    keys.map((key) => ({
      label: `agent key ${describe(key)}`,
      method: { type: "agent", username: user, agent: new OneKey(hop.agent ?? "", key) },
    }));
  const inAgent = (file: IdentityFile): boolean => held.some((key) => file.publicKey?.equals(key.getPublicSSH()));
  const fromFiles = files.flatMap(({ path, key }): Credential[] =>
    key === undefined ? [] : [{ label: path, method: { type: "publickey", username: user, key } }],
  );
  for (const file of files) {
    const expected = file.problem === "no such file" && !hop.identityFilesChosen;
    if (file.problem !== undefined && !expected && !inAgent(file)) skipped.push(`${file.path} (${file.problem})`);
  }
  const usable = [
    ...own,
    ...fromAgent(held.filter(belongs)),
    ...fromFiles,
    ...(hop.identitiesOnly ? [] : fromAgent(held.filter((key) => !belongs(key)))),
    ...passwords(user, hop.password),
  ];
  return { usable, skipped };
}

const passwords = (username: string, password: string | undefined): Credential[] =>
  password === undefined
    ? []
    : [
        { label: "password", method: { type: "password", username, password } },
        {
          label: "keyboard-interactive with the password",
          method: {
            type: "keyboard-interactive",
            username,
            prompt: (_name, _instructions, _lang, prompts, finish) => finish(prompts.map(() => password)),
          },
        },
      ];

const describe = (key: ParsedKey): string => {
  const comment = key.comment === "" || key.comment === undefined ? "" : ` ${key.comment}`;
  return `${key.type} ${fingerprint(key.getPublicSSH())}${comment}`;
};

/** The key, or why it cannot be used. */
function parsePrivate(text: string | Buffer, passphrase: string | undefined): ParsedKey | string {
  const key = ssh2.utils.parseKey(text, passphrase);
  if (!(key instanceof Error)) return key.isPrivateKey() ? key : "it is a public key";
  if (/no passphrase/i.test(key.message)) return "it is protected and no passphrase is given";
  if (/bad passphrase|integrity|decrypt/i.test(key.message)) return "the passphrase does not open it";
  return "it is no private key in a known format";
}

async function readIdentity(path: string, passphrase: string | undefined): Promise<IdentityFile> {
  const publicHalf = await readFile(`${path}.pub`, "utf8").catch(() => undefined);
  const parsed = publicHalf === undefined ? undefined : ssh2.utils.parseKey(publicHalf);
  const publicKey = parsed === undefined || parsed instanceof Error ? undefined : parsed.getPublicSSH();
  try {
    const key = parsePrivate(await readFile(path), passphrase);
    if (typeof key !== "string") return { path, key, publicKey: key.getPublicSSH(), problem: undefined };
    return { path, key: undefined, publicKey: publicKey ?? publicOf(await readFile(path, "utf8")), problem: key };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const problem = code === "ENOENT" ? "no such file" : `cannot be read: ${code ?? "unknown reason"}`;
    return { path, key: undefined, publicKey, problem };
  }
}

/** An identity file may name a key of the agent by its public half only. */
function publicOf(text: string): Buffer | undefined {
  const key = ssh2.utils.parseKey(text);
  return key instanceof Error || key.isPrivateKey() ? undefined : key.getPublicSSH();
}

/** An agent that knows one key only, so that each key of the agent is tried, and reported, by itself. */
class OneKey extends ssh2.OpenSSHAgent {
  readonly #key: ParsedKey;

  constructor(socketPath: string, key: ParsedKey) {
    super(socketPath);
    this.#key = key;
  }

  override getIdentities(done: (error: Error | null | undefined, keys?: ParsedKey[]) => void): void {
    done(null, [this.#key]);
  }
}

async function agentKeys(socket: string | undefined, skipped: string[]): Promise<ParsedKey[]> {
  if (socket === undefined) return [];
  return new Promise((resolve) => {
    new ssh2.OpenSSHAgent(socket).getIdentities((error, keys) => {
      if (error) skipped.push(`the agent at ${socket} (${error.message})`);
      else if (keys === undefined || keys.length === 0) skipped.push(`the agent at ${socket} (it holds no keys)`);
      resolve(error || keys === undefined ? [] : keys.filter((key) => "getPublicSSH" in key));
    });
  });
}

/** What happened while logging in, for the error message. */
export interface AuthLog {
  readonly tried: string[];
  /** The methods the server still offers, as of its last answer. */
  offered: readonly string[];
}

/**
 * Walks through the credentials for ssh2. It asks for the server's methods first (method `none`), then leaves out what
 * the server does not take; after a partial success (two factors) it goes on with what the server asks next.
 */
export function authHandler(user: string, usable: readonly Credential[], log: AuthLog): AuthHandlerMiddleware {
  const queue = [...usable];
  let asked = false;
  return (methods: readonly string[] | null, _partial, next) => {
    if (!asked) {
      asked = true;
      return next({ type: "none", username: user });
    }
    log.offered = methods ?? log.offered;
    const takes = ({ method }: Credential): boolean =>
      methods === null || methods.includes(method.type === "agent" ? "publickey" : method.type);
    const index = queue.findIndex(takes);
    const [credential] = index < 0 ? [] : queue.splice(index, 1);
    if (credential === undefined) return next(false as never);
    log.tried.push(credential.label);
    next(credential.method);
  };
}
