import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** System folders that a user's PATH may lack. */
const systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** PATH with the system folders behind it. */
export const systemPath = (): string => [process.env["PATH"] ?? "", ...systemFolders].join(delimiter);

/** Is there a program of that name on the PATH or in a system folder? */
export const hasProgram = (name: string): boolean =>
  systemPath()
    .split(delimiter)
    .some((folder) => {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return folder !== "";
      } catch {
        return false;
      }
    });

const missing = (): string[] => {
  const programs = ["libvirtd", "virsh", "qemu-system-x86_64", "qemu-img", "dnsmasq", "ip", "unshare", "nsenter"];
  const lacks = programs.filter((name) => !hasProgram(name));
  if (!existsSync("/dev/net/tun")) lacks.push("/dev/net/tun");
  if (process.getuid?.() !== 0) lacks.push("root");
  return lacks;
};

const mayUnshare = (): boolean => {
  try {
    execFileSync("unshare", ["--mount", "--net", "--pid", "--fork", "true"], {
      stdio: "ignore",
      env: { PATH: systemPath() },
    });
    return true;
  } catch {
    return false;
  }
};

/** Why a private libvirt host cannot stand here, as a phrase for the name of a skipped test; undefined when it can. */
export const requirements = (): string | undefined => {
  const lacks = missing();
  if (lacks.length > 0) return `needs ${lacks.join(", ")}`;
  return mayUnshare() ? undefined : "needs the right to make namespaces";
};
