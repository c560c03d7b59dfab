import { expect, it } from "vitest";
import { richNetwork } from "../../../test/foreign/samples.js";
import { dice, garble } from "../../../test/libvirt/machines.js";
import { ProviderError } from "../../core/errors.js";
import { addressesOf } from "./network-ip.js";
import { allottedEntries, readMark, writeMark } from "./network-mark.js";
import { beyond, propertiesOf } from "./network-read.js";
import { readPool, writePool } from "./pool-xml.js";
import { readVolume } from "./volume-xml.js";
import { parseXml, toText } from "./xml.js";

const network = (): string => {
  const root = parseXml(richNetwork(5), "a network");
  writeMark(root, {
    owner: "p/s/lan",
    addressing: "managed",
    description: "ours",
    declared: ["52:54:00:11:22:33"],
    pending: ["dns.domain", "mtu"],
  });
  return toText(root).replace("<domain ", '<mtu size="1400"/><domain ');
};
const pool = writePool({
  name: "share",
  uuid: "06ebdb07-542b-417d-bff0-b9e28ac42389",
  type: "netfs",
  path: "/mnt/share",
  source: { host: "nas", path: "/srv", format: "nfs", options: ["nfsvers=4.2"] },
}).replace("</pool>", '<capacity unit="bytes">100</capacity><available unit="KiB">7</available></pool>');
const volume = `<volume type="file"><name>v</name><key>/p/v</key><capacity unit="bytes">1024</capacity>
  <allocation unit="KiB">4</allocation><physical unit="bytes">200</physical>
  <target><path>/p/v</path><format type="qcow2"/></target><backingStore><path>/p/base</path></backingStore></volume>`;

/** What a description is and everything that is read of it. */
const READERS: readonly (readonly [string, string, (xml: string) => unknown])[] = [
  [
    "network",
    network(),
    (xml) => {
      const root = parseXml(xml, "a network");
      return [propertiesOf(root, true), addressesOf(root), readMark(root), allottedEntries(root), beyond(root)];
    },
  ],
  ["storage pool", pool, readPool],
  ["volume", volume, readVolume],
];

it.each(READERS)("a garbled %s is read with numbers that are some, or refused by name", (_, text, read) => {
  expect(() => read(text)).not.toThrow();
  const roll = dice(7);
  let refused = 0;
  for (let round = 0; round < 400; round++) {
    const root = parseXml(text, "it");
    garble(root, roll);
    const xml = toText(root);
    try {
      for (const number of numbersIn(read(xml))) expect(Number.isFinite(number), xml).toBe(true);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      expect(error.fact, xml).toMatch(/ in <\w+>, which is no number$/);
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(0);
});

const numbersIn = (value: unknown): readonly number[] =>
  typeof value === "number"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(numbersIn)
      : [];
