// The login shell of the host: a program of its own, started by sshd for each session, with the path of its settings.
// It takes the command as Windows' default shell does: `cmd /c "<command>"`, or `powershell -c "<command>"`.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

interface ShellSettings {
  readonly engine: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly home: string;
  readonly sftp: readonly string[];
}
interface HostSettings {
  readonly defaultShell: "cmd" | "powershell";
  readonly noise: string;
  readonly commandLimit: number;
  readonly computerName: string;
  readonly rights: "administrator" | "hyper-v" | "none";
  readonly version: string;
  readonly languageMode: string;
}

const [, , root = ""] = process.argv;
const read = (name: string): unknown => JSON.parse(readFileSync(`${root}/.sim/${name}`, "utf8"));
const shell = read("shell.json") as ShellSettings;
const host = read("settings.json") as HostSettings;

/** The longest line that cmd takes, in characters. */
const cmdLimit = 8191;

/** %NAME% as cmd expands it; a name that is not set stays as it is. */
const expand = (text: string): string =>
  text.replace(/%([^%]+)%/g, (whole, name: string) => {
    const key = Object.keys(shell.environment).find((one) => one.toLowerCase() === name.toLowerCase());
    return key === undefined ? whole : (shell.environment[key] ?? whole);
  });

/** The arguments of a command line by the rules of CommandLineToArgvW: quotes group, backslashes only matter before them. */
const splitArguments = (line: string): readonly string[] => {
  const words: string[] = [];
  let word: string | undefined;
  let inQuotes = false;
  for (let i = 0; i < line.length; i++) {
    const [slashes = ""] = /^\\*(?=")/.exec(line.slice(i)) ?? [];
    if (line[i] === '"' || slashes !== "") {
      word = (word ?? "") + "\\".repeat(slashes.length >> 1);
      i += slashes.length;
      if (slashes.length % 2 === 1) word += '"';
      else if (inQuotes && line[i + 1] === '"') word += line[++i];
      else inQuotes = !inQuotes;
    } else if (!inQuotes && /\s/.test(line[i] ?? "")) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + line[i];
  }
  return word === undefined ? words : [...words, word];
};

const isPowershell = (program: string): boolean =>
  /^(?:[a-z]:\\windows\\(?:system32|sysnative)\\windowspowershell\\v1\.0\\)?powershell(?:\.exe)?$/i.test(program);

const say = (text: string, code: number, stream: NodeJS.WriteStream = process.stdout): void => {
  stream.write(`${text}\r\n`, () => process.exit(code));
};

/** The words of PowerShell with the session's language mode, which AppLocker or WDAC sets on a real host, set first. */
const inLanguageMode = (words: readonly string[]): readonly string[] => {
  if (host.languageMode === "FullLanguage") return words;
  const first = `$ExecutionContext.SessionState.LanguageMode = '${host.languageMode}'\n`;
  return words.map((word, i) => {
    const before = words[i - 1] ?? "";
    if (/^-c(ommand)?$/i.test(before)) return first + word;
    if (!/^-e(c|nc\w*)?$/i.test(before)) return word;
    return Buffer.from(first + Buffer.from(word, "base64").toString("utf16le"), "utf16le").toString("base64");
  });
};

/** Whom WinHook.dll takes the user for. */
const userOf = { administrator: "administrator", "hyper-v": "hyperv-admin", none: "user" } as const;

/** Ends the session's processes when sshd's process for the connection ends, as Windows' job object does. */
const run = (program: string, words: readonly string[]): void => {
  const env = { ...shell.environment, HV_SIM_USER: userOf[host.rights], HV_SIM_VERSION: host.version };
  const child = spawn(program, words, { stdio: "inherit", env, cwd: shell.home, detached: true });
  const parent = process.ppid;
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  const stop = (): void => {
    end();
    process.exit(1);
  };
  const watch = setInterval(() => {
    if (process.ppid !== parent) stop();
  }, 100);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  child.once("error", (error) => say(error.message, 1, process.stderr));
  child.once("exit", (code) => {
    clearInterval(watch);
    process.exitCode = code ?? 1;
  });
};

const builtIn: Readonly<Record<string, (rest: string) => string>> = {
  echo: (rest) => rest.trimStart(),
  ver: () => "\r\nMicrosoft Windows [Version 10.0]",
  hostname: () => host.computerName,
  whoami: () => `${host.computerName.toLowerCase()}\\${(shell.environment["USERNAME"] ?? "").toLowerCase()}`,
};

/** What a session does: run a program, or print and end. */
type Action = () => void;

const cmd = (command: string): Action => {
  if (command.length > cmdLimit) return () => say("The command line is too long.", 1, process.stderr);
  const line = expand(command).trim();
  const [, name = ""] = /^"?([^"]*?)"?(?:\s|$)/.exec(line) ?? [];
  const [program = "", ...words] = splitArguments(line);
  if (isPowershell(program)) return () => run(shell.engine, inLanguageMode(words));
  if (/^exit$/i.test(name)) return () => process.exit(Number(words.at(-1) ?? 0));
  const own = builtIn[name.toLowerCase().replace(/\.exe$/, "")];
  if (own !== undefined) return () => say(own(line.slice(name.length)), 0);
  const unknown = `'${name}' is not recognized as an internal or external command,\r\noperable program or batch file.`;
  return () => say(unknown, 1, process.stderr);
};

const action = (command: string | undefined): Action => {
  if (command === undefined) return () => say("This host has no interactive shell.", 1, process.stderr);
  const [sftp = "", ...words] = shell.sftp;
  if (command === "crossvisor-sftp") return () => run(sftp, words);
  if (host.noise !== "") process.stdout.write(`${host.noise}\r\n`);
  const taken = host.commandLimit > 0 ? command.slice(0, host.commandLimit) : command;
  return host.defaultShell === "cmd" ? cmd(taken) : () => run(shell.engine, inLanguageMode(["-c", taken]));
};

action(process.env["SSH_ORIGINAL_COMMAND"])();
