import { isProviderError, ProviderError } from "../../../core/errors.js";
import { Affect } from "../rpc/flags.js";
import { domainChange } from "../rpc/procedures/domain-change.js";
import { attribute, attributeAt, type Element, find, toText, write } from "../xml.js";
import { cdTree } from "./devices.js";
import { setMedium } from "./edit.js";
import { sourceOf } from "./located.js";
import { diskAt } from "./ours.js";
import { detach, GUEST_MS, liveXml, type Running } from "./running.js";
import type { Drive } from "./types.js";

/**
 * Changes the medium of a CD drive; an empty drive without a path. The daemon has the tray opened first. A guest that
 * has the medium mounted keeps it shut, and one that looks at the drive right then shuts it again: it is tried until
 * the guest lets it happen.
 *
 * The daemon can also be wrong about the tray for as long as the machine runs (measured, libvirt 9.0 with QEMU 7.2):
 * QEMU shuts it without a word when firmware or kernel reset the SCSI controller, and the daemon goes on to take it to
 * be open; of a drive that was plugged in it does not know that there is a tray. No change would ever succeed then, so
 * the drive is plugged in anew.
 *
 * @throws `timeout` when the guest does not let go of the medium.
 */
export async function changeMedium(running: Running, drive: Drive, path: string | undefined): Promise<void> {
  const { host, dom, step } = running;
  let [refusal, timesShut]: [unknown, number] = [undefined, 0];
  const changed = async () => {
    try {
      await put(running, drive, { path, anew: timesShut > 1 });
      return true;
    } catch (error) {
      if (!isProviderError(error, "dropped") && !says(error, /tray/i)) throw error;
      if (says(error, /tray .*is not open/i)) timesShut += 1;
      refusal = error;
      return undefined;
    }
  };
  const limits = { timeoutMs: GUEST_MS, every: 1000, events: ["trayChange"], signal: step.signal } as const;
  if (await host.watch.until(dom.uuid, changed, limits)) return;
  const why = refusal instanceof Error ? `: ${refusal.message}` : "";
  throw new ProviderError(
    "timeout",
    `the medium of drive "${drive}" did not change within ${GUEST_MS / 1000} s${why}`,
    {
      hint: "Unmount it in the guest and try again, or stop the machine first.",
      cause: refusal,
    },
  );
}

const says = (error: unknown, what: RegExp): boolean => error instanceof Error && what.test(error.message);

interface Medium {
  readonly path: string | undefined;
  /** By another drive in the place of this one, where the bus lets drives be plugged. */
  readonly anew: boolean;
}

/** One try. Looks first, since an earlier one may have been heard though its answer was lost. */
async function put(running: Running, drive: Drive, { path, anew }: Medium): Promise<void> {
  const { host, dom, machine } = running;
  const send = (procedure: typeof domainChange.updateDevice, xml: string) =>
    host.session.call(procedure, { dom, xml, flags: Affect.live });
  const live = await liveXml(running);
  const there = diskAt(live, drive);
  if (there === undefined) {
    // An adopted machine may lack the drive.
    if (path !== undefined) await send(domainChange.attachDevice, write(cdTree(drive, path, machine.inputs.guest)));
    return;
  }
  if (sourceOf(there) === path || attribute(there, "device") !== "cdrom") return;
  setMedium(live, drive, path, machine.inputs.guest);
  if (!anew || !isPluggable(there)) return send(domainChange.updateDevice, toText(there));
  await detach(running, there, `CD drive "${drive}"`, (now) => diskAt(now, drive));
  find(there, "target")?.removeAttribute("tray");
  // An empty drive cannot be plugged in (measured, 9.0.0): the machine goes without until it wants a medium or starts anew.
  if (path !== undefined) await send(domainChange.attachDevice, toText(there));
}

const isPluggable = (drive: Element): boolean => ["scsi", "usb"].includes(attributeAt(drive, "target", "bus") ?? "");
