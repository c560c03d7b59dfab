import type { Finding } from "../../../core/finding.js";
import { host as hostCalls } from "../rpc/procedures/connect.js";
import { childrenOf, type Element, find, parseXml, textAt } from "../xml.js";
import type { Check } from "./check.js";

/** How the host keeps guests apart from its files. */
export const security: Check = {
  topic: "security",
  limit: 60,
  run: async ({ host, patience }) => {
    const text = await host.session.call(hostCalls.capabilities, undefined, patience);
    return [confinement(parseXml(text, "the host's capabilities"))];
  },
};

/** What the security drivers of a host's capabilities mean for disks. */
export function confinement(capabilities: Element): Finding {
  const host = find(capabilities, "host");
  const all =
    host === undefined ? [] : childrenOf(host, "secmodel").map((model) => [textAt(model, "model"), model] as const);
  const dac = all.find(([name]) => name === "dac")?.[1];
  const user = dac === undefined ? undefined : userOf(dac);
  const as = user === undefined ? "" : `; QEMU runs as ${user}`;
  const driver = all.map(([name]) => name).find((name) => name === "apparmor" || name === "selinux");
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

/** The user that QEMU runs as, from the label of its processes: `+64055:+64055`. */
function userOf(dac: Element): string | undefined {
  const label = textAt(dac, "baselabel");
  const [, user, group] = /^\+?(\w+):\+?(\w+)$/.exec(label ?? "") ?? [];
  return user === undefined ? undefined : user === "0" ? "root" : `user ${user} in group ${group}`;
}
