import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { identity } from "../ways/other-user.js";
import { waitFor } from "./host-folder.js";
import type { LibvirtHost } from "./libvirtd.js";
import { hasProgram, systemPath } from "./requirements.js";

const POLKITD = "/usr/lib/polkit-1/polkitd";
const RULES = "/etc/polkit-1/rules.d";

/** Why no polkit of a host's own can run here; undefined when it can. */
export const polkitMissing = (): string | undefined => {
  const lacks = ["dbus-daemon", "dbus-send", "setpriv"].filter((name) => !hasProgram(name));
  lacks.push(...[POLKITD, RULES].filter((path) => !existsSync(path)));
  return lacks.length === 0 ? undefined : `needs ${lacks.join(", ")}`;
};

/** Starts a system bus and polkit inside a host. libvirt looks for the bus once: it has to be restarted. */
export async function startPolkit(host: LibvirtHost): Promise<void> {
  await host.exec(["mount", "-t", "tmpfs", "-o", "mode=755", "none", RULES]);
  await host.exec(["sh", "-c", "mkdir -p /run/dbus && dbus-daemon --system --fork --nopidfile"]);
  await host.exec(["sh", "-c", `setsid ${POLKITD} --no-debug >/dev/null 2>&1 </dev/null &`]);
  const asked = ["--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner"];
  const owned = () =>
    host
      .exec(["dbus-send", "--system", "--print-reply", ...asked, "string:org.freedesktop.PolicyKit1"])
      .then((answer) => (answer.includes("true") ? true : undefined));
  await waitFor(owned, 20_000, () => "polkit does not come onto the bus");
}

/** What polkit says to `nobody`: the actions of a list are allowed, all other ones of libvirt are refused. */
export async function allow(host: LibvirtHost, actions: readonly string[]): Promise<void> {
  const rule = `polkit.addRule(function (action, subject) {
    if (subject.user != "nobody" || action.id.indexOf("org.libvirt.") != 0) return polkit.Result.NOT_HANDLED;
    return ${JSON.stringify(actions)}.indexOf(action.id) < 0 ? polkit.Result.NO : polkit.Result.YES;
  });`;
  await host.exec(["sh", "-c", `printf %s "$1" >${RULES}/10-test.rules`, "sh", rule]);
}

/** Copies between a socket of its own and the daemon's, which so sees the user and the process of the relay. */
const RELAY = `
const net = require("node:net");
const [from, to] = process.argv.slice(1);
const server = net.createServer((client) => {
  const daemon = net.connect(to);
  client.pipe(daemon).pipe(client);
  for (const [one, other] of [[client, daemon], [daemon, client]]) one.on("error", () => other.destroy());
});
server.listen(from, () => console.log("ready"));`;

/** A way to the host's daemon in the name of `nobody`, from inside the host, where polkit sees who asks. */
export async function relay(host: LibvirtHost): Promise<{ readonly uri: string; stop(): void }> {
  const folder = join(host.root, "relay");
  await mkdir(folder);
  await chmod(folder, 0o777);
  await chmod(join(host.root, "run"), 0o755);
  const socket = join(folder, "sock");
  const into = ["--target", String(host.pid), "--mount", "--net", "--pid", "--wd=/", "--", "setpriv", ...identity([])];
  const words = [...into, process.execPath, "-e", RELAY, socket, "/run/libvirt/libvirt-sock"];
  const env = { ...process.env, PATH: systemPath() };
  const child: ChildProcess = spawn("nsenter", words, { env, stdio: ["ignore", "pipe", "inherit"] });
  if (child.stdout) await once(child.stdout, "data");
  return { uri: `qemu:///system?socket=${socket}`, stop: () => child.kill() };
}
