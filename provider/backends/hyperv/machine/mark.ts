import { type Fields, isFields } from "../../../core/values.js";
import { readNotes, writeNotes } from "../notes.js";

/** What crossvisor keeps in a machine's notes: whose it is, and what Hyper-V has no word for. */
export interface MachineMark {
  readonly owner: string;
  readonly guest?: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly disks: readonly DiskMark[];
  readonly nics: readonly NicMark[];
  readonly seed?: SeedMark | undefined;
  /** Path of the first-boot CD before the present one, until it is deleted. */
  readonly leftover?: string | undefined;
  /** It is being made, or its making was broken off. */
  readonly making?: true | undefined;
}

export interface DiskMark {
  readonly name: string;
  readonly path: string;
  readonly spelling: "volume" | "path";
}

export interface NicMark {
  readonly name: string;
  readonly mac: string;
  /** The network as it was declared, and the switch that it meant: a cable that is not plugged in has neither. */
  readonly network?: string | undefined;
  readonly bridge?: string | undefined;
  readonly switchId: string;
  readonly address?: Allotted | undefined;
}

/** What a network gave to an interface. */
export interface Allotted {
  readonly address: string;
  readonly prefix: number;
  readonly gateway?: string | undefined;
  readonly dns: readonly string[];
}

/** The CD with the first-boot data; `digest` is the SHA-256 of its bytes. */
export interface SeedMark {
  readonly path: string;
  readonly digest: string;
}

export const writeMark = (description: string | undefined, mark: MachineMark): string =>
  writeNotes(description ?? "", mark as unknown as Fields);

/** The user's text, and the mark where there is one. What somebody spoilt in it is left out. */
export function readMark(notes: string): { readonly text: string; readonly mark: MachineMark | undefined } {
  const { text, mark } = readNotes(notes);
  if (mark === undefined || typeof mark["owner"] !== "string") return { text, mark: undefined };
  const { guest, tags, seed, leftover, making } = mark;
  return {
    text,
    mark: {
      owner: mark["owner"],
      guest: typeof guest === "string" ? guest : undefined,
      tags: isFields(tags) ? Object.fromEntries(Object.entries(tags).filter((tag) => isTag(tag))) : {},
      disks: objects(mark["disks"]).flatMap(diskOf),
      nics: objects(mark["nics"]).flatMap(nicOf),
      seed:
        isFields(seed) && typeof seed["path"] === "string" && typeof seed["digest"] === "string"
          ? { path: seed["path"], digest: seed["digest"] }
          : undefined,
      ...(typeof leftover === "string" ? { leftover } : {}),
      ...(making === true ? { making } : {}),
    },
  };
}

const isTag = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string";
const objects = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);
const word = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function diskOf({ name, path, spelling }: Fields): readonly DiskMark[] {
  if (typeof name !== "string" || typeof path !== "string") return [];
  return [{ name, path, spelling: spelling === "path" ? "path" : "volume" }];
}

function nicOf({ name, mac, network, bridge, switchId, address }: Fields): readonly NicMark[] {
  if (typeof name !== "string" || typeof mac !== "string" || typeof switchId !== "string") return [];
  return [{ name, mac, switchId, network: word(network), bridge: word(bridge), address: allottedOf(address) }];
}

function allottedOf(value: unknown): Allotted | undefined {
  if (!isFields(value)) return undefined;
  const { address, prefix, gateway, dns } = value;
  if (typeof address !== "string" || typeof prefix !== "number") return undefined;
  const servers = Array.isArray(dns) ? dns.filter((d): d is string => typeof d === "string") : [];
  return { address, prefix, gateway: word(gateway), dns: servers };
}
