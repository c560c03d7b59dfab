import type { Finding } from "../../../core/finding.js";
import { find, parseXml } from "../xml.js";
import { type Check, enumeration, findings } from "./check.js";

/** Whether the networks of the host run, and come back with it. */
export const networks: Check = {
  topic: "network",
  limit: 60,
  pretended: true,
  run: async ({ host }) => {
    const all = [...(await host.inventory.networks()).values()].map((n) => ({ ...n, name: n.ref.name }));
    const running = all.filter(({ active }) => active);
    const serving = await Promise.all(
      running.map(async ({ ref }) => {
        const xml = await host.inventory.networkXml(ref);
        return find(parseXml(xml, `the network ${ref.name}`), "ip/dhcp") !== undefined;
      }),
    );
    const names = enumeration(running.map(({ name }) => `"${name}"`));
    return findings(
      all.some(({ name }) => name === "default") || host.uri.path === "session" ? undefined : NO_DEFAULT,
      ...all.flatMap((n) => state(n)),
      running.length === 0 ? undefined : { topic: "network", level: "ok", found: `running: ${names}` },
      serving.includes(true) ? undefined : UNPROVEN,
    );
  },
};

const NO_DEFAULT: Finding = {
  topic: "network",
  level: "note",
  found: 'there is no network "default"',
  means: "Machines need a declared Network, or another one that the host has.",
};

/** A network that runs and gives addresses has shown that all of it is there. */
const UNPROVEN: Finding = {
  topic: "network",
  level: "note",
  found: "no network with DHCP runs",
  means:
    "Whether dnsmasq and the rules of the host's firewall are there for it shows when the first one starts: the protocol does not tell.",
  remedy: "Where it fails, install dnsmasq-base and iptables (or nftables) on the host.",
};

interface Named {
  readonly name: string;
  readonly active: boolean;
  readonly autostart: boolean;
}

function state({ name, active, autostart }: Named): Finding[] {
  const topic = "network";
  if (!active)
    return [
      {
        topic,
        level: "warning",
        found: `the network "${name}" is stopped`,
        means: "Machines on it do not start.",
        remedy: "Start it, and let it start with the host.",
        commands: [`virsh net-start ${name}`, `virsh net-autostart ${name}`],
      },
    ];
  if (autostart) return [];
  return [
    {
      topic,
      level: "note",
      found: `the network "${name}" runs and does not start with the host`,
      means: "After a boot of the host machines on it do not start.",
      remedy: "Let it start with the host, or declare it as a Network with autostart.",
      commands: [`virsh net-autostart ${name}`],
    },
  ];
}
