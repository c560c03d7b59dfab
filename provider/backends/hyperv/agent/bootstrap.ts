import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(__dirname, "../scripts");
/** What all scripts share, and the main loop. */
const FIRST = "wire.ps1";
const LAST = "agent.ps1";

let read: Buffer | undefined;

/** The agent: all scripts as one, which are ASCII so that no code page can change them. Read once. */
export function agentBody(): Buffer {
  read ??= Buffer.concat(scriptNames().map((name) => readFileSync(join(FOLDER, name))));
  return read;
}

function scriptNames(): readonly string[] {
  const nouns = readdirSync(FOLDER).filter((name) => name.endsWith(".ps1") && name !== FIRST && name !== LAST);
  return [FIRST, ...nouns.toSorted(), LAST];
}

/** The bootstrap's first word on its output: before it a login may print whatever it likes. */
export const MAGIC = /crossvisor (\w+) (\d+)\.(\d[\d.]*)/;

/**
 * What starts the agent: a command of words that every shell takes as they are. Windows PowerShell 5.1 reads the body
 * from its standard input, by its length, and runs it when its digest is right. A policy for scripts does not concern
 * an encoded command, and the line is shorter than the 1.3 kB after which SSH servers on Windows were seen to cut lines.
 */
export function bootstrap(body: Buffer): readonly string[] {
  const digest = createHash("sha256").update(body).digest("base64");
  const script = [
    '"crossvisor $($ExecutionContext.SessionState.LanguageMode) $($PSVersionTable.PSVersion)"',
    "$r=New-Object IO.BinaryReader([Console]::OpenStandardInput())",
    `$b=$r.ReadBytes(${body.length})`,
    `if([Convert]::ToBase64String([Security.Cryptography.SHA256]::Create().ComputeHash($b))-ne'${digest}'){exit 3}`,
    ".([scriptblock]::Create(-join[char[]]$b))",
  ].join("\n");
  const encoded = Buffer.from(script, "utf16le").toString("base64");
  const quiet = ["-NoProfile", "-NonInteractive", "-InputFormat", "None", "-OutputFormat", "Text"];
  return ["powershell.exe", ...quiet, "-EncodedCommand", encoded];
}
