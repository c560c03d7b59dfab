import { ProviderError } from "../../../core/errors.js";
import { samePath } from "../paths.js";
import type { Fault } from "../refuse.js";
import type { DriveView, MachineView } from "../view.js";
import type { DiskMark } from "./mark.js";
import type { DeclaredDisk, Place } from "./types.js";

/** Places on a controller: 64 on SCSI, of which the CDs' are not for disks; 2 on IDE. */
const SCSI_PLACES = 62;
/** Hyper-V's limit for a machine. */
const SCSI_CONTROLLERS = 4;

/**
 * The two CD drives that every machine has, so that a medium can be put in while it runs: of the first-boot data, and
 * of `cdrom`. A machine of generation 1 finds CDs on IDE only.
 */
export const cdPlaces = (generation: number): Readonly<Record<"seed" | "cdrom", Place>> =>
  generation === 1
    ? { seed: { controller: "IDE", number: 1, location: 0 }, cdrom: { controller: "IDE", number: 1, location: 1 } }
    : {
        seed: { controller: "SCSI", number: 0, location: 62 },
        cdrom: { controller: "SCSI", number: 0, location: 63 },
      };

export const isAt = (drive: DriveView, place: Place): boolean =>
  drive.controller === place.controller && drive.number === place.number && drive.location === place.location;

/** A disk with its place. */
export interface PlacedDisk extends Place {
  readonly name: string;
  readonly path: string;
  readonly spelling: "volume" | "path";
}

export const pathOf = ({ volume, path }: DeclaredDisk): string => volume ?? path ?? "";

/** Why a disk under checkpoints stays where it is. */
export const layered = (disk: string, machine: string): Fault => ({
  fact: `must keep "${disk}" where it is, because the virtual machine "${machine}" has checkpoints`,
  hint: "Remove them first: what was written since is in layers over its disks.",
});

/** The mark of a drive that is there: by its file, else by its place among the machine's. */
export const drivesByName = (machine: MachineView, marks: readonly DiskMark[]): ReadonlyMap<string, DriveView> =>
  new Map(
    marks.flatMap((mark) => {
      const drive = machine.disks.find((d) => samePath(d.path, mark.path));
      return drive === undefined ? [] : [[mark.name, drive] as const];
    }),
  );

/**
 * A place for each disk. One that is there stays where it is. The first disk of a machine of generation 1 is on IDE,
 * because its firmware boots from nothing else, and so is every disk that asks for `sata`.
 */
export function placed(
  generation: number,
  declared: readonly DeclaredDisk[],
  there: ReadonlyMap<string, DriveView> = new Map(),
  foreign: readonly DriveView[] = [],
): readonly PlacedDisk[] {
  const taken = new Set([...foreign.map(keyOf), ...Object.values(cdPlaces(generation)).map(keyOf)]);
  const fits = (disk: DeclaredDisk, i: number, drive: DriveView | undefined): drive is DriveView =>
    drive !== undefined && drive.controller === controllerOf(generation, disk, i);
  for (const [i, disk] of declared.entries()) {
    const drive = there.get(disk.name);
    if (fits(disk, i, drive)) taken.add(keyOf(drive));
  }
  return declared.map((disk, i) => {
    const drive = there.get(disk.name);
    const place = fits(disk, i, drive)
      ? { controller: drive.controller as Place["controller"], number: drive.number, location: drive.location }
      : free(controllerOf(generation, disk, i), taken, i);
    taken.add(keyOf(place));
    return { name: disk.name, path: pathOf(disk), spelling: disk.path === undefined ? "volume" : "path", ...place };
  });
}

const controllerOf = (generation: number, { bus }: DeclaredDisk, index: number): Place["controller"] =>
  generation === 1 && (index === 0 || bus === "sata") ? "IDE" : "SCSI";

const keyOf = ({ controller, number, location }: Place | DriveView): string => `${controller} ${number}:${location}`;

function free(controller: Place["controller"], taken: ReadonlySet<string>, index: number): Place {
  const places: Place[] =
    controller === "IDE"
      ? [0, 1].map((location) => ({ controller, number: 0, location }))
      : Array.from({ length: SCSI_CONTROLLERS * SCSI_PLACES }, (_, i) => ({
          controller,
          number: Math.floor(i / SCSI_PLACES),
          location: i % SCSI_PLACES,
        }));
  const found = places.find((place) => !taken.has(keyOf(place)));
  if (found !== undefined) return found;
  throw new ProviderError("invalid", `there is no place left for it on the machine's ${controller} controllers`, {
    where: { property: `disks[${index}]` },
    hint: controller === "IDE" ? 'Give it the bus "scsi".' : "Give the machine fewer disks.",
  });
}
