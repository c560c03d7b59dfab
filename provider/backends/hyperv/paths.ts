/** The spelling of a Windows path that is kept: backslashes, none at the end but that of a drive, no doubled ones. */
export function settledPath(path: string): string {
  const slashes = path.replaceAll("/", "\\");
  const [, begin = "", rest = ""] = /^(\\\\|[A-Za-z]:\\|)(.*)$/s.exec(slashes) ?? [];
  const inside = rest.replace(/\\+/g, "\\").replace(/\\$/, "");
  return `${begin}${inside}`;
}

/** Whether a word is a path of a drive or share, and no name. */
export const isPath = (word: string): boolean => /^[A-Za-z]:|^\\\\/.test(word);

/** Why an absolute path is none of this host: nothing, or one reason. */
export const notOfWindows = (path: string): readonly string[] =>
  path.startsWith("/") ? [`must be a path of Windows such as "D:\\pool" on this host, not "${path}"`] : [];

/** Windows looks for files without regard to case. */
export const samePath = (a: string, b: string): boolean => keyOf(a) === keyOf(b);

/** What is the same for all spellings of a path. */
export const keyOf = (path: string): string => settledPath(path).toLowerCase();

/** What a path needs first, in words: its drive or its share. */
export function rootOf(path: string): string {
  const settled = settledPath(path);
  const share = /^\\\\[^\\]+\\[^\\]+/.exec(settled)?.[0];
  return share === undefined ? `drive ${settled.slice(0, 2).toUpperCase()}` : `share ${share}`;
}

/** What is said of a path whose drive or share is not there: what is on it is not lost. */
export const awayFact = (path: string): string =>
  `the ${rootOf(path)} of ${path} is not there, so nobody knows what is on it`;
export const AWAY_HINT = "Bring it back; what is gone for good is taken out of the state by hand.";

/** Folder of a file, and the folder itself of the root of a drive. */
export function parentOf(path: string): string {
  const settled = settledPath(path);
  const at = settled.lastIndexOf("\\");
  return at === 2 ? settled.slice(0, 3) : settled.slice(0, at);
}

export const fileOf = (path: string): string => {
  const settled = settledPath(path);
  return settled.slice(settled.lastIndexOf("\\") + 1);
};

export const joined = (folder: string, name: string): string => `${settledPath(folder).replace(/\\$/, "")}\\${name}`;

/** Names that Windows keeps for devices, with any extension (Naming Files, Paths, and Namespaces). */
const DEVICES = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;

/** Why a name cannot be that of a file on Windows; `undefined` when it can. */
export function fileNameProblem(name: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are part of what Windows refuses
  if (/[<>:"/\\|?*\x00-\x1f]/.test(name)) return 'must not contain any of < > : " / \\ | ? *, which Windows refuses';
  if (DEVICES.test(name)) return "must not be the name of a device of Windows";
  return /[. ]$/.test(name) ? "must not end with a dot or a space" : undefined;
}

/** Characters that many cmdlets take in a path (MAX_PATH, 260 with its end). */
export const LONGEST_PATH = 259;
