import { expect, it } from "vitest";
import type { LibvirtHost } from "../host.js";
import { fitProblems } from "./fit.js";
import type { MachineObserved } from "./types.js";

const DOMAIN = `<domain><name>m</name><uuid>3a1f1b2c-0000-4000-8000-000000000001</uuid><vcpu>1</vcpu><devices>
  <disk type="volume" device="cdrom"><source pool="isos" volume="tools.iso"/><target dev="sda" bus="sata"/></disk>
</devices></domain>`;
const VOLUME =
  "<volume><name>tools.iso</name><capacity>1</capacity><allocation>1</allocation><target><path>/isos/tools.iso</path></target></volume>";

/** A host that has this machine and the volume in its drive. */
const host = {
  session: { call: async ({ name }: { readonly name: string }) => (name === "volume.xml" ? VOLUME : DOMAIN) },
} as unknown as LibvirtHost;
const now = { id: "3a1f1b2c-0000-4000-8000-000000000001", properties: { name: "m", cloudInit: null } };

it("sees a medium that is named by pool and volume, as an update does", async () => {
  const problems = await fitProblems(host, { cloudInit: { userData: "x" } }, now as unknown as MachineObserved);
  expect(problems).toEqual([
    { path: "cloudInit", reason: expect.stringContaining('the CD drive "sda" holds /isos/tools.iso') },
  ]);
});
