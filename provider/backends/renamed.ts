import type { Verdict } from "../core/driver.js";
import type { InputsOf } from "../core/kind.js";
import type { Kinds } from "../kinds/index.js";

type Disk = InputsOf<Kinds["VirtualMachine"]>["disks"][number];

/** The disks of a machine before and after a change. */
export interface Sides {
  readonly was: readonly Disk[];
  readonly will: readonly Disk[];
  /** Whether two disks are one device for the guest, so that the second stays at the place of the first. */
  isSame(was: Disk, will: Disk): boolean;
  /** What such a device cannot change while a guest uses it. */
  readonly fixed: readonly ("bus" | "readOnly" | "format")[];
}

/** The disk that gets or has got the name, as it was and will be; `undefined` where that is not only another name. */
function renamed({ was, will, isSame }: Sides, name: string | undefined) {
  const unnamed = (list: readonly Disk[]) => (d: Disk) => !list.some((other) => other.name === d.name);
  const come = will.filter(unnamed(was));
  for (const before of was.filter(unnamed(will))) {
    const after = come.find((d) => isSame(before, d));
    if (after !== undefined && [before.name, after.name].includes(name ?? "")) return { before, after };
  }
  return undefined;
}

/** Whether the same disk boots, under whatever name. */
export function bootsSame(sides: Sides): boolean {
  const [was, will] = [sides.was[0], sides.will[0]];
  return was?.name === will?.name || renamed(sides, was?.name)?.after === will;
}

/** What another name does to a disk: nothing but the name changes. `undefined` where the disk is another one. */
export function renaming(sides: Sides, name: string | undefined): Verdict | undefined {
  const { before, after } = renamed(sides, name) ?? {};
  if (before === undefined || after === undefined) return undefined;
  if ((before === sides.was[0]) !== (after === sides.will[0]))
    return { effect: "restart", because: "another disk boots" };
  const stays = sides.fixed.every((property) => [undefined, before[property]].includes(after[property]));
  return stays ? { effect: "live" } : { effect: "restart", because: "a disk in use cannot change under the guest" };
}
