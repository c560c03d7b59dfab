import { describe, expect, it } from "vitest";
import { HOSTILE } from "../../../../test/libvirt/machines.js";
import { NAMESPACE } from "../identity.js";
import { childrenOf, find, parseXml, toText, write } from "../xml.js";
import { bareTree, type Notes, notesTree, readNotes, writeNotes } from "./notes.js";

const FULL: Notes = {
  owner: HOSTILE,
  guest: HOSTILE,
  tags: { "": "", [HOSTILE]: HOSTILE, constructor: "x", ["__proto__"]: "y", a: " spaces  kept " },
  disks: [
    { name: "a", target: "vda", spelling: "volume", path: "/pools/a.qcow2" },
    { name: "b", target: "sdc", spelling: "path", path: "/pools/a.qcow2" },
  ],
  nics: [
    {
      name: "n",
      mac: "52:54:00:00:00:01",
      spelling: HOSTILE,
      network: HOSTILE,
      uuid: "u",
      allotted: { address: "10.0.0.2", prefix: 16, gateway: "10.0.0.1", dns: ["10.0.0.1", "fd00::1"] },
    },
    {
      name: "i",
      mac: "52:54:00:00:00:02",
      spelling: "s",
      network: "w",
      uuid: "v",
      allotted: { address: "10.0.0.3", prefix: 24, gateway: undefined, dns: [] },
    },
    { name: "b", mac: "52:54:00:00:00:03", spelling: "br0", network: undefined, uuid: undefined, allotted: undefined },
  ],
  seed: { pool: HOSTILE, volume: "v.iso", path: `/p/${HOSTILE}`, digest: "00" },
};
const EMPTY: Notes = { owner: "", guest: undefined, tags: {}, disks: [], nics: [], seed: undefined };
const domain = (metadata: string) => parseXml(`<domain><name>m</name>${metadata}</domain>`, "the domain");

describe("notes", () => {
  it.each([
    ["with everything in them", FULL],
    ["with nothing in them", EMPTY],
  ])("read back equal: %s", (_word, notes) => {
    const once = domain(`<metadata>${write(notesTree(notes))}</metadata>`);
    expect(readNotes(once)).toEqual(notes);
    // As the daemon gives them back: indented, under a prefix of its choice.
    const text = toText(once).replace(/></g, ">\n    <").replace(/\bcv:/g, "x:").replace("xmlns:cv", "xmlns:x");
    expect(readNotes(parseXml(text, "the domain"))).toEqual(notes);
  });

  it("are the same for a running domain, where the daemon adds prefix and namespace to the root", () => {
    const bare = write(bareTree(FULL));
    expect(bare).not.toContain("cv:");
    // virDomainObjSetMetadata puts the namespace on the element that it is given; what is below inherits it.
    const inherited = bare.replace("<object", `<object xmlns="${NAMESPACE}"`);
    expect(readNotes(domain(`<metadata>${inherited}</metadata>`))).toEqual(FULL);
  });

  it("belong to nobody where there is no mark, or somebody else's", () => {
    for (const metadata of ["", "<metadata/>", '<metadata><o:object xmlns:o="urn:other" owner="x"/></metadata>'])
      expect(readNotes(domain(metadata))).toBeUndefined();
  });

  it("take the place of older ones and leave other people's metadata alone", () => {
    const foreign =
      '<libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0"><libosinfo:os id="x"/></libosinfo:libosinfo>';
    const d = domain(`<metadata>${foreign}</metadata>`);
    writeNotes(d, EMPTY);
    writeNotes(d, FULL);
    expect(readNotes(d)).toEqual(FULL);
    expect(childrenOf(find(d, "metadata")!, "object", NAMESPACE)).toHaveLength(1);
    expect(toText(d)).toContain(foreign);
    const text = toText(d);
    writeNotes(d, { ...FULL });
    expect(toText(d)).toBe(text);
  });

  it("are put into a domain without metadata", () => {
    const d = domain("");
    writeNotes(d, FULL);
    expect(readNotes(d)).toEqual(FULL);
  });
});
