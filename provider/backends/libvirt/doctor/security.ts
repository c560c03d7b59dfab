import type { Finding } from "../../../core/finding.js";
import { type Confinement, confinementOf, type User } from "../confinement.js";
import type { Check } from "./check.js";

/** How the host keeps guests apart from its files. */
export const security: Check = {
  topic: "security",
  limit: 60,
  run: async ({ host }) => [confinement(await confinementOf(host))],
};

/** What they mean for disks. */
export function confinement({ user, driver }: Confinement): Finding {
  const as = user === undefined ? "" : `; QEMU runs as ${userText(user)}`;
  const topic = "security";
  if (driver === "apparmor")
    return {
      topic,
      level: "ok",
      found: `AppArmor confines each machine to its own files${as}`,
      means:
        "libvirt adds a machine's disks to its profile by itself. A base image that a disk's header does not name stays closed, and so do folders that the host's rules deny.",
      remedy: 'Where a start is denied, look for apparmor="DENIED" in the host\'s kernel log.',
      commands: ["journalctl -k -g DENIED"],
    };
  if (driver === "selinux")
    return {
      topic,
      level: "ok",
      found: `SELinux confines each machine to its own files${as}`,
      means:
        "Disks outside /var/lib/libvirt/images are labelled at each start, which NFS and some other file systems cannot.",
      remedy: "Give the folder of another pool the same type, and allow NFS by its switch (virt_use_nfs).",
      commands: ["semanage fcontext -a -t virt_image_t '/srv/images(/.*)?' && restorecon -R /srv/images"],
    };
  return {
    topic,
    level: "note",
    found: `neither AppArmor nor SELinux confines machines${as}`,
    means: "A guest that breaks out of QEMU can use all that this user can.",
  };
}

const userText = ({ user, group }: User): string => (user === 0 ? "root" : `user ${user} in group ${group}`);
