import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everything, survey } from "../../provider/faces/cli/import/survey.js";
import type { Words } from "../contract/fixture.js";
import { requirements } from "../hosts/requirements.js";
import { change, settled } from "../matrix/cell.js";
import type { Made } from "../matrix/lab.js";
import { LibvirtLab } from "../matrix/libvirt-lab.js";
import { changedAnywhere as changed } from "./canonical.js";
import { virshWith } from "./host.js";
import { openNetwork, richNetwork, routedNetwork, virtualSwitch } from "./samples.js";

/** Networks as others define them, with much that no property can say. */
const NETWORKS: Readonly<Record<string, string>> = {
  rich: richNetwork(5, "rich"),
  routed: routedNetwork(6, "routed"),
  switch: virtualSwitch("br-a", "switch"),
};
const MAC = "52:54:00:dd:00:01";

/** An edit as words over those that the import wrote, and where the definition may differ after it. */
interface Edit {
  readonly words: Words | ((words: Words) => Words);
  readonly place: RegExp;
  readonly networks: readonly string[];
}

const entry = (words: Words, address: string) => {
  const dhcp = words["dhcp"] as Words | undefined;
  return { dhcp: { ...dhcp, hosts: [...((dhcp?.["hosts"] ?? []) as Words[]), { mac: MAC, address }] } };
};
const addresses = /^\/network\/ip (address|family="ipv4")|^\/network\/ip\/dhcp\/(range|host) /;
const EDITS: Readonly<Record<string, Edit>> = {
  description: { words: { description: "theirs" }, place: /^$/, networks: ["rich", "routed", "switch"] },
  autostart: { words: { autostart: true }, place: /^$/, networks: ["rich", "switch"] },
  mtu: { words: { mtu: 1400 }, place: /^\/network\/mtu /, networks: ["rich"] },
  "a fixed address": {
    words: (words) => entry(words, "192.168.75.30"),
    place: /^\/network\/ip\/dhcp\/host .*52:54:00:dd:00:01/,
    networks: ["rich"],
  },
  "the address of an entry": {
    words: (words) => {
      const { hosts, ...dhcp } = words["dhcp"] as { readonly hosts: readonly Words[] };
      return { dhcp: { ...dhcp, hosts: hosts.map((host) => ({ ...host, address: "192.168.75.31" })) } };
    },
    place: /^\/network\/ip\/dhcp\/host ip="192\.168\.75\.(10|31)"/,
    networks: ["rich"],
  },
  "a name in the DNS": {
    words: (words) => {
      const { hosts, ...dns } = words["dns"] as { readonly hosts: readonly Words[] };
      return { dns: { ...dns, hosts: [...hosts, { address: "192.168.75.40", names: ["forty"] }] } };
    },
    place: /^\/network\/dns\/host( ip="192\.168\.75\.40"|\/hostname {2}"forty")/,
    networks: ["rich"],
  },
  "the domain": {
    words: (words) => ({ dns: { ...(words["dns"] as Words), domain: "other.example" } }),
    place: /^\/network\/domain .*name=/,
    networks: ["rich", "routed"],
  },
  "the range": {
    words: (words) => ({
      dhcp: { ...(words["dhcp"] as Words), range: { start: "192.168.75.101", end: "192.168.75.199" } },
    }),
    place: /^\/network\/ip\/dhcp\/range end="192\.168\.75\.(199|200)"/,
    networks: ["rich"],
  },
  cidr: {
    words: { cidr: "192.168.86.0/24", dhcp: undefined },
    place: addresses,
    networks: ["routed"],
  },
  bridge: { words: { bridge: "theirs0" }, place: /^\/network\/bridge /, networks: ["rich", "routed"] },
  "bridge of the host": { words: { bridge: "br-b" }, place: /^\/network\/bridge /, networks: ["switch"] },
};
const CASES = Object.entries(EDITS).flatMap(([what, edit]) => edit.networks.map((name) => [what, name, edit] as const));

const missing = requirements();
const title = "networks that others made";

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtLab;
  const adopted = new Map<string, { readonly made: Made; readonly words: Words }>();
  /** What is defined, and what runs. */
  const definitions = async (name: string) =>
    [await lab.daemon.virsh("net-dumpxml", "--inactive", name), await lab.daemon.virsh("net-dumpxml", name)] as const;
  const differing = async ([defined, running]: Awaited<ReturnType<typeof definitions>>, name: string) => {
    const [definedNow, runningNow] = await definitions(name);
    return [...changed(defined, definedNow), ...changed(running, runningNow)];
  };
  const surveyed = async (name: string) => {
    const all = await everything(lab.host);
    const { id = "" } = all.get("Network")?.find((n) => n.name === name) ?? {};
    return survey(lab.host, all, [{ kind: "Network", id, name }]);
  };

  beforeAll(async () => {
    lab = await LibvirtLab.open();
    for (const [name, xml] of Object.entries(NETWORKS)) {
      await virshWith(lab.daemon, "net-define", xml);
      await lab.daemon.virsh("net-start", name);
    }
  });
  afterAll(() => lab?.close());

  it("one of a mode that cannot be declared stays out of a program, with the reason", async () => {
    await virshWith(lab.daemon, "net-define", openNetwork(7, "open"));
    const { declared, leftOut } = await surveyed("open");
    expect(declared).toEqual([]);
    expect(leftOut).toEqual([
      expect.objectContaining({ name: "open", why: expect.stringMatching(/^mode is something else/) }),
    ]);
  });

  it.each(Object.keys(NETWORKS))("%s is taken over as it is", async (name) => {
    const before = await definitions(name);
    const { declared, leftOut } = await surveyed(name);
    expect(leftOut).toEqual([]);
    const words: Words = { owner: "p/s/heir", name, adopt: name, allowInterruption: true, ...declared[0]?.words };
    const made = await lab.create("Network", words);
    expect(await differing(before, name)).toEqual([]);
    await settled(lab, "Network", made, words);
    adopted.set(name, { made, words });
  });

  it.each(CASES)("an edit of %s of %s changes nothing else", async (_what, name, { words: more, place }) => {
    const one = adopted.get(name);
    if (one === undefined) throw new Error(`${name} was not adopted`);
    const before = await definitions(name);
    const edited = { ...one.words, ...(typeof more === "function" ? more(one.words) : more) };
    const { told, made } = await change(lab, "Network", one.made, edited);
    expect(told.effect).toMatch(/live|restart/);
    const strange = (await differing(before, name)).filter((line) => !place.test(line.slice(2)));
    expect(strange, told.effect).toEqual([]);
    const back = await change(lab, "Network", made, one.words);
    expect(await differing(before, name), "taken back").toEqual([]);
    adopted.set(name, { made: back.made, words: one.words });
  });
});
