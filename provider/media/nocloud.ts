import { ProviderError } from "../core/errors.js";
import { isoImage, SECTOR } from "./iso9660.js";

/** What a guest is told at its first boot through cloud-init's NoCloud source, or cloudbase-init's where that is enabled. */
export interface Seed {
  /**
   * The identity by which cloud-init decides whether this is a first boot: when it changes, the once-per-instance steps
   * (users, SSH host keys, `runcmd`) run again.
   *
   * Derive it from the identity of the virtual machine, never from the contents of the seed: an edited user data must
   * not give a running machine new host keys without being asked. A caller who wants a changed seed to run again says so
   * by giving another value. `instance-id` in `metaData` wins over it.
   */
  readonly instanceId: string;
  /** `local-hostname`, unless `metaData` has one. */
  readonly hostname: string;
  /** Passed as it is; empty when absent. See `checkUserData`. */
  readonly userData?: string | undefined;
  /** YAML or JSON text of a mapping, or its value. */
  readonly metaData?: string | Readonly<Record<string, unknown>> | undefined;
  /** Network configuration version 1 or 2, as text; see `networkConfig`. Absent: the guest uses its own default, DHCP on one NIC. */
  readonly networkConfig?: string | undefined;
}

/**
 * A NoCloud seed as an ISO 9660 image with the label `cidata`. Same seed, same bytes.
 *
 * @throws ProviderError `invalid` for `metaData` that is not a mapping (property `metaData`).
 */
export function seed({ instanceId, hostname, userData, metaData, networkConfig }: Seed): Uint8Array {
  const utf8 = new TextEncoder();
  const files = [
    // NoCloud takes a volume only when it has both of these, even if empty.
    { name: "meta-data", content: utf8.encode(metaDataText(metaData, instanceId, hostname)) },
    { name: "user-data", content: utf8.encode(userData ?? "") },
  ];
  if (networkConfig !== undefined) files.push({ name: "network-config", content: utf8.encode(networkConfig) });
  return isoImage("cidata", files);
}

/** The instance id on a seed that `seed` made, given its first bytes; `undefined` where `metaData` has one of another form. */
export function instanceOf(image: Uint8Array): string | undefined {
  const text = Buffer.from(image).toString("latin1");
  if (!text.startsWith(PRIMARY, DESCRIPTOR) || !text.startsWith("cidata ", DESCRIPTOR + 40)) return undefined;
  return /"?instance-id"?: "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"/.exec(text)?.[1];
}

/** Where an ISO 9660 image has its primary descriptor, and how that begins (ECMA-119 8.4). */
const DESCRIPTOR = 16 * SECTOR;
const PRIMARY = "\x01CD001\x01";

function metaDataText(given: Seed["metaData"], instanceId: string, hostname: string): string {
  const defaults = { "instance-id": instanceId, "local-hostname": hostname };
  if (typeof given !== "string") return `${JSON.stringify({ ...defaults, ...given }, null, 2)}\n`;
  // Flow style is taken as JSON, which is YAML; anything else as a block mapping, whose text is kept with its comments.
  if (/^\s*[{[]/.test(given)) return `${JSON.stringify({ ...defaults, ...parsedMapping(given) }, null, 2)}\n`;
  return addLines(given, defaults);
}

function parsedMapping(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below: the parser's own message could quote a secret.
  }
  throw new ProviderError("invalid", "the text starts like JSON but is not a JSON object", {
    where: { property: "metaData" },
    hint: "Give a YAML block mapping, a JSON object, or the value itself.",
  });
}

/** Puts the keys that the mapping lacks before its first key, at the same indentation. */
function addLines(text: string, defaults: Readonly<Record<string, string>>): string {
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  const first = lines.findIndex((line) => !/^\s*(#.*|---\s*(#.*)?|%.*)?\r?$/.test(line));
  const indent = /^ */.exec(lines[first] ?? "")?.[0] ?? "";
  const firstKey = lines[first];
  if (firstKey !== undefined && !/^ *([^\s#:-][^:]*|"[^"]*"|'[^']*') *:(\s|$)/.test(firstKey)) {
    throw new ProviderError("invalid", "the text is not a YAML mapping", {
      where: { property: "metaData" },
      hint: "Give lines of the form `key: value`.",
    });
  }
  const has = (key: string): boolean =>
    lines.some(
      (line) => line.startsWith(indent) && new RegExp(`^["']?${key}["']?\\s*:`).test(line.slice(indent.length)),
    );
  const added = Object.entries(defaults)
    .filter(([key]) => !has(key))
    .map(([key, value]) => `${indent}${key}: ${JSON.stringify(value)}`);
  const end = first === -1 ? lines.length : first;
  // Without a key there may still be a last line that lacks its line feed.
  const before = lines.slice(0, end).filter((line, n) => line !== "" || n < end - 1);
  return [...before, ...added, ...lines.slice(end)].join("\n");
}

/** What is wrong with a meta-data text, or `undefined`. */
export function checkMetaData(text: string): string | undefined {
  try {
    metaDataText(text, "", "");
    return undefined;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return `${error.fact}: ${error.hint}`;
  }
}

/** First words by which cloud-init (`handlers/__init__.py`) and cloudbase-init (user data formats) know the kind of user data. */
const STARTS = [
  "#cloud-config",
  "#include",
  "#cloud-boothook",
  "#part-handler",
  "## template: jinja",
  "#ps1",
  "rem cmd",
  "<powershell>",
  "<script>",
];

/**
 * What is wrong with a user data text, or `undefined`. Nothing of the text is repeated, it may hold secrets.
 *
 * cloud-init drops a text whose kind it does not know with no more than a line in the guest's log, so this is worth
 * refusing before anything is made.
 */
export function checkUserData(text: string): string | undefined {
  if (text === "") return undefined;
  if (text.startsWith("\uFEFF")) return "userData starts with a byte order mark, which hides its first line: remove it";
  const start = text.trimStart().toLowerCase();
  if (start.startsWith("#!")) {
    return text.startsWith("#!") ? undefined : "userData has white space before #!, so the script would not start";
  }
  if (STARTS.some((word) => start.startsWith(word))) return undefined;
  // Python's message parser wants the headers on the first line, and cloud-init looks for this one to call it.
  if (/^[a-z][a-z0-9-]*:/i.test(text) && /^mime-version:|\nmime-version:/i.test(text.slice(0, 4096))) return undefined;
  if (/^content-type:/i.test(text))
    return "userData is MIME without the header MIME-Version: 1.0, so cloud-init ignores it";
  if (/^#\s+cloud-config/.test(start))
    return "userData starts with `# cloud-config`: write #cloud-config without the space";
  return "userData starts with none of #cloud-config, #!, #include, #cloud-boothook, #part-handler, ## template: jinja, #ps1 or MIME headers, so the guest would ignore it";
}

/** A network interface as the guest shall configure it. */
export interface Nic {
  /** `52:54:00:12:34:56`, any case. */
  readonly mac: string;
  /** Fixed address with its prefix length, `192.168.50.10/24` or `fd00::10/64`. Absent: DHCP for IPv4. */
  readonly address?: string | undefined;
  readonly gateway?: string | undefined;
  readonly dns?: readonly string[] | undefined;
  /** DNS search domains. */
  readonly search?: readonly string[] | undefined;
}

/**
 * Network configuration version 2 (netplan's format) for these interfaces, found by MAC, so that it holds under any
 * hypervisor whatever the guest names them. Needs no rename (`set-name`): cloud-init 22.4 finds the name by the MAC.
 *
 * An interface that is left out stays unconfigured. One with neither address nor a DHCP server in reach delays the
 * guest's boot, so leave it out.
 */
export function networkConfig(nics: readonly Nic[]): string {
  // JSON values are YAML flow values, so nothing in them can be read as something else (`on`, `1:20`, `~`).
  const lines = nics.map((nic, index) => `  nic${index}: ${JSON.stringify(ethernet(nic))}`);
  return ["version: 2", lines.length === 0 ? "ethernets: {}" : "ethernets:", ...lines, ""].join("\n");
}

function ethernet({ mac, address, gateway, dns = [], search = [] }: Nic): object {
  const nameservers = {
    ...(dns.length > 0 && { addresses: dns }),
    ...(search.length > 0 && { search }),
  };
  // Measured with cloud-init 22.4: `to: default` stops its networkd, sysconfig and ifupdown renderers, and they turn
  // `::/0` into `::/64`; `gateway6` comes out right in each of them, and netplan takes it too.
  const route = gateway?.includes(":") ? { gateway6: gateway } : { routes: [{ to: "0.0.0.0/0", via: gateway }] };
  return {
    match: { macaddress: mac.toLowerCase() },
    ...(address === undefined ? { dhcp4: true } : { addresses: [address] }),
    ...(gateway !== undefined && route),
    ...(Object.keys(nameservers).length > 0 && { nameservers }),
  };
}
