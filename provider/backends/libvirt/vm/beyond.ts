import { attribute, attributeAt, type Element, elements, find } from "../xml.js";
import { sourceOf } from "./located.js";
import type { Notes } from "./notes.js";
import { disksOf, macOf, nicsOf, ourDisks, ourNics, targetOf } from "./ours.js";
import { CD_DRIVE, type MachineInputs, SEED_DRIVE } from "./types.js";

/** Devices that nearly every machine has, which are nobody's wish. */
const USUAL: ReadonlySet<string> = new Set([
  "emulator",
  "disk",
  "interface",
  "controller",
  "input",
  "serial",
  "console",
  "channel",
  "graphics",
  "video",
  "audio",
  "memballoon",
  "rng",
  "tpm",
]);

/** Parts of a definition beside the devices that somebody wrote on purpose. */
const TUNED = ["memtune", "numatune", "cputune", "blkiotune", "memoryBacking", "resource", "idmap", "launchSecurity"];

/** What a machine has that no property can say, as phrases. */
export function beyond(
  config: Element,
  notes: Notes | undefined,
  declared: Partial<MachineInputs> | undefined,
): readonly string[] {
  const [disks, nics] = [ourDisks(config, notes, declared?.disks), ourNics(config, notes, declared?.networks)];
  const devices = find(config, "devices");
  const others = devices ? elements(devices).filter((e) => !USUAL.has(e.localName ?? "")) : [];
  return [
    ...disksOf(config).flatMap((disk) => (disks.includes(disk) || isDrive(disk) ? [] : [diskPhrase(disk)])),
    ...nicsOf(config).flatMap((nic) => (nics.includes(nic) ? [] : [nicPhrase(nic)])),
    ...counted(others.map((e) => `device <${e.localName}>`)),
    ...TUNED.filter((name) => find(config, name) !== undefined).map((name) => `<${name}>`),
    ...elements(config).flatMap((e) => (e.namespaceURI ? [`<${e.nodeName}>`] : [])),
  ];
}

/** The CD drives that machines of ours have, as far as properties tell what lies in them. */
const isDrive = (disk: Element): boolean =>
  attribute(disk, "device") === "cdrom" &&
  (targetOf(disk) === CD_DRIVE || (targetOf(disk) === SEED_DRIVE && sourceOf(disk) === undefined));

function diskPhrase(disk: Element): string {
  const source = find(disk, "source");
  const words = [
    attribute(disk, "device") ?? "disk",
    `"${targetOf(disk)}"`,
    attributeAt(disk, "target", "bus") && `on ${attributeAt(disk, "target", "bus")}`,
    attributeAt(disk, "driver", "type") && `with the format ${attributeAt(disk, "driver", "type")}`,
    source &&
      `from ${sourceOf(disk) ?? attribute(source, "name") ?? attribute(source, "volume") ?? attribute(disk, "type")}`,
  ];
  return words.filter((word) => word !== undefined).join(" ");
}

const nicPhrase = (nic: Element): string => {
  const model = attributeAt(nic, "model", "type");
  return `interface ${macOf(nic)} of the type ${attribute(nic, "type") ?? "none"}${model === undefined ? "" : ` with the model ${model}`}`;
};

/** Each phrase once, with how often it came. */
const counted = (phrases: readonly string[]): string[] =>
  [...new Set(phrases)].map((phrase) => {
    const times = phrases.filter((p) => p === phrase).length;
    return times === 1 ? phrase : `${phrase} (${times})`;
  });
