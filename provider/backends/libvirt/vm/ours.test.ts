import { describe, expect, it } from "vitest";
import { parseXml } from "../xml.js";
import { beyond } from "./beyond.js";
import { macOf, ourDisks, ourNics, targetOf } from "./ours.js";

const MAC = "52:54:00:00:00:0";
const machine = parseXml(
  `<domain><name>m</name><cputune/><devices>
    <disk type="file"><source file="/a"/><target dev="vda" bus="virtio"/></disk>
    <disk type="file"><source file="/b"/><target dev="hda" bus="ide"/></disk>
    <disk type="network"><source protocol="rbd" name="pool/c"/><target dev="vdb" bus="virtio"/></disk>
    <disk type="file"><driver type="vmdk"/><source file="/d"/><target dev="vdc" bus="virtio"/></disk>
    <disk type="file" device="cdrom"><target dev="sdb" bus="scsi"/></disk>
    <interface type="network"><mac address="${MAC}1"/><source network="n"/><model type="virtio"/></interface>
    <interface type="network"><mac address="${MAC}1"/><source network="h"/><model type="virtio"/></interface>
    <interface type="network"><mac address="${MAC}2"/><source network="n"/><model type="rtl8139"/></interface>
    <interface type="user"><mac address="${MAC}3"/></interface>
    <filesystem/>
  </devices></domain>`,
  "it",
);
const disk = (volume: string) => ({ name: "x", volume, bus: "virtio", readOnly: false }) as const;
const nic = { name: "x", network: "n", model: "virtio", connected: true } as const;

describe("what a declaration speaks of", () => {
  it("are disks that it could have made, and those that it names", () => {
    expect(ourDisks(machine, undefined, []).map(targetOf)).toEqual(["vda"]);
    expect(ourDisks(machine, undefined, [disk("/b")]).map(targetOf)).toEqual(["vda", "hda"]);
  });

  it("are interfaces in the same way, one for each MAC", () => {
    expect(ourNics(machine, undefined, []).map(macOf)).toEqual([`${MAC}1`]);
    expect(ourNics(machine, undefined, [{ ...nic, mac: `${MAC}2` }]).map(macOf)).toEqual([`${MAC}1`, `${MAC}2`]);
    expect(ourNics(machine, undefined, [nic]).map(macOf)).toEqual([`${MAC}1`, `${MAC}2`]);
  });

  it("leaves a rest that is told in phrases", () => {
    expect(beyond(machine, undefined, undefined)).toEqual([
      'disk "hda" on ide from /b',
      'disk "vdb" on virtio from pool/c',
      'disk "vdc" on virtio with the format vmdk from /d',
      `interface ${MAC}1 of the type network with the model virtio`,
      `interface ${MAC}2 of the type network with the model rtl8139`,
      `interface ${MAC}3 of the type user`,
      "device <filesystem>",
      "<cputune>",
    ]);
  });
});
