import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Duplex, Readable, Writable } from "node:stream";
import { ProviderError } from "../core/errors.js";
import { untilAborted } from "./abort.js";
import { type Exit, exitError, joined, StderrTail } from "./joined.js";
import { opensshError } from "./openssh-errors.js";
import { type OpensshSetting, opensshSetting } from "./openssh-setting.js";
import { firstWord, quoted } from "./quoted.js";
import { noSubsystem } from "./ssh-errors.js";
import type { SshOptions } from "./ssh-options.js";
import type { LoginTransport } from "./transport.js";

/**
 * Bytes to a host through the machine's own `ssh`: one process for each stream, which never asks anything. What the
 * configuration of that client can do is what this can do.
 */
export function opensshTransport(options: SshOptions): LoginTransport {
  const open = new Set<Duplex>();
  let setting: Promise<OpensshSetting> | undefined;
  const keep = async (opening: (setting: OpensshSetting) => Duplex | Promise<Duplex>): Promise<Duplex> => {
    setting ??= opensshSetting(options);
    const stream = await opening(await setting);
    open.add(stream);
    stream.once("close", () => open.delete(stream));
    return stream;
  };
  const start = (script: string, command: readonly string[], what: string): Promise<Duplex> =>
    keep((set) => openCommand(options, set, ["sh", "-c", script, "sh", ...command], what));
  const named = (what: string): string => `opening ${what} on ${options.host}`;
  return {
    connect: async (path, signal) =>
      untilAborted(start(CONNECT, [path, folderOf(path), PERL], path), named(path), signal, (late) => late.destroy()),
    pipe: async (command, signal) => {
      const what = command[0] ?? "";
      return untilAborted(start(PIPE, command, what), named(what), signal, (late) => late.destroy());
    },
    exec: async (line, signal) => {
      const what = firstWord(line);
      const opening = keep((set) => openPlain(options, set, ["--", options.host, line], what));
      return untilAborted(opening, named(what), signal, (late) => late.destroy());
    },
    subsystem: async (name, signal) => {
      const opening = keep((set) => openPlain(options, set, ["-s", "--", options.host, name], name));
      return untilAborted(opening, named(name), signal, (late) => late.destroy());
    },
    close: async () => {
      const last = setting;
      setting = undefined;
      for (const stream of open) stream.destroy();
      await (await last?.catch(() => undefined))?.close();
    },
  };
}

/** The line after which the bytes are those of the stream; before it a login may print whatever it likes. */
const MARK = "crossvisor: the stream begins";

/** Statuses of the scripts that stand for facts; those of `sh` itself are 126 and 127, and of ssh 255. */
const FACTS: ReadonlyMap<number, "dead" | "missing" | "forbidden" | "no-way"> = new Map([
  [42, "dead"],
  [44, "missing"],
  [43, "forbidden"],
  [45, "no-way"],
]);

/** Programs that lead to a unix socket, in the order of trying. Traditional netcat has no -U. */
const CONNECT = [
  'test -d "$2" && ! test -x "$2" && exit 43',
  'test -S "$1" || exit 44',
  'test -w "$1" || exit 43',
  `begin() { echo "${MARK}"; }`,
  'if command -v nc >/dev/null 2>&1 && nc -h 2>&1 | grep -q -e "-[A-Za-z]*U"; then begin; exec nc -U "$1"; fi',
  'if command -v socat >/dev/null 2>&1; then begin; exec socat - "UNIX-CONNECT:$1"; fi',
  'if command -v perl >/dev/null 2>&1; then exec perl -MSocket -e "$3" "$1"; fi',
  "exit 45",
].join("\n");

/** The same in Perl, which Debian has always: one process for each direction, so that neither waits for the other. */
const PERL = [
  "socket(S, AF_UNIX, SOCK_STREAM, 0) && connect(S, sockaddr_un($ARGV[0])) || exit 42;",
  `$| = 1; print "${MARK}\\n";`,
  "sub copy { my ($in, $out) = @_; while (my $n = sysread($in, my $b, 65536)) { my $at = 0;",
  "while ($at < $n) { my $w = syswrite($out, $b, $n - $at, $at); defined $w || exit 1; $at += $w } } }",
  "$SIG{TERM} = sub { exit 0 }; my $me = $$; my $child = fork;",
  "if (!$child) { copy(*S, *STDOUT); kill 'TERM', $me; exit 0 }",
  "copy(*STDIN, *S); shutdown(S, 1); waitpid $child, 0;",
].join(" ");

const PIPE = `command -v "$1" >/dev/null 2>&1 || exit 127\necho "${MARK}"\nexec "$@"`;

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function startSsh(setting: OpensshSetting, words: readonly string[]): { child: Child; exit: Promise<Exit> } {
  const child = spawn("ssh", [...setting.words, ...words], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
  });
  const stderr = new StderrTail(child.stderr);
  const exit = new Promise<Exit>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      resolve({ code: error.code === "ENOENT" ? 127 : null, signal: null, stderr: error.message }),
    );
    child.once("close", (code, signal) => resolve({ code, signal, stderr: stderr.text }));
  });
  // A process that could not be started has no pid; its pipes break.
  child.stdin.on("error", () => {});
  return { child, exit };
}

/** A stream without a mark before it: whether ssh got as far as the command is told by whether anything came. */
function openPlain(options: SshOptions, setting: OpensshSetting, words: readonly string[], what: string): Duplex {
  const { child, exit } = startSsh(setting, words);
  let spoken = false;
  child.stdout.once("data", () => {
    spoken = true;
  });
  const verdict = async (): Promise<ProviderError | undefined> => {
    const end = await exit;
    if (child.pid === undefined) return opening(options, end, what, true);
    if (/subsystem request failed/.test(end.stderr)) return noSubsystem(options.host, what);
    if (end.code !== 255) return exitError(what, end);
    return spoken ? lost(options, end) : opensshError(options, end.stderr);
  };
  return joined({ input: child.stdin, output: child.stdout, close: () => void child.kill(), verdict });
}

async function openCommand(
  options: SshOptions,
  setting: OpensshSetting,
  command: readonly string[],
  what: string,
): Promise<Duplex> {
  const { child, exit } = startSsh(setting, ["--", options.host, quoted(command)]);
  if (!(await begun(child, exit))) throw opening(options, await exit, what, child.pid === undefined);
  const verdict = async (): Promise<ProviderError | undefined> => {
    const end = await exit;
    return end.code === 255 ? lost(options, end) : exitError(what, end);
  };
  return joined({ input: child.stdin, output: child.stdout, close: () => void child.kill(), verdict });
}

/** Whether the stream has begun; what comes after the mark is put back. */
function begun(child: Child, exit: Promise<Exit>): Promise<boolean> {
  const mark = Buffer.from(`${MARK}\n`);
  let seen = Buffer.alloc(0);
  return new Promise((resolve) => {
    const look = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk]);
      const at = seen.indexOf(mark);
      if (at < 0) return;
      child.stdout.pause();
      child.stdout.off("data", look);
      const rest = seen.subarray(at + mark.length);
      if (rest.length > 0) child.stdout.unshift(rest);
      resolve(true);
    };
    child.stdout.on("data", look);
    exit.then(() => resolve(false));
  });
}

function opening(options: SshOptions, exit: Exit, what: string, absent: boolean): ProviderError {
  const { host } = options;
  if (absent)
    return new ProviderError("unsupported", "this machine has no program ssh, which the configuration needs", {
      hint: "Install the OpenSSH client, or set crossvisor:sshClient to built-in.",
    });
  switch (FACTS.get(exit.code ?? -1)) {
    case "missing":
      return new ProviderError("not-found", `there is no socket ${what} on ${host}`, {
        hint: "Start the daemon that listens there, or name another socket.",
      });
    case "dead":
      return new ProviderError("unreachable", `nobody listens on the socket ${what} of ${host}`, {
        hint: "Start the daemon that owns it: the file is left over from an earlier run.",
      });
    case "forbidden":
      return new ProviderError("denied", `the login on ${host} has no permission to use the socket ${what}`, {
        hint: `Add the user to the group of the socket (ls -l ${what} shows it), or log in as root.`,
      });
    case "no-way":
      return new ProviderError("unsupported", `${host} has no program that leads to the socket ${what}`, {
        hint: "Install netcat-openbsd, socat or Perl there.",
      });
    default:
      if (exit.code === 255) return opensshError(options, exit.stderr);
      return (
        exitError(what, exit) ??
        new ProviderError("failed", `${host} did not start ${what}: the login runs something else`, {
          hint: "The login must allow commands (no ForceCommand).",
        })
      );
  }
}

const lost = ({ host }: SshOptions, { stderr }: Exit): ProviderError =>
  new ProviderError("dropped", `the SSH connection to ${host} was lost${stderr === "" ? "" : ` (${stderr})`}`, {
    hint: "Check the network and the SSH server of the host, then run again.",
  });
