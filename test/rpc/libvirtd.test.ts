import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  domainRef,
  domains,
  ErrorCode,
  isUnknownProcedure,
  libvirtCode,
} from "../../provider/backends/libvirt/rpc/index.js";
import { requirements } from "../hosts/requirements.js";
import { counts, everyProcedure, failure, open, startDaemon, stopDaemon, trailing } from "./libvirtd.js";

import { qemuDriver } from "./qemu-driver.js";
import { testDriver } from "./test-driver.js";

const missing = requirements();

describe.skipIf(missing !== undefined)(`libvirtd${missing === undefined ? "" : ` (${missing})`}`, () => {
  beforeAll(startDaemon);
  afterAll(stopDaemon);

  testDriver();
  qemuDriver();

  it("was asked every procedure, and answered nothing that the table does not know", async () => {
    const c = await open("qemu:///system");
    const nobody = domainRef("nobody", randomUUID());
    const late = await failure(c.call(domains.setAutostartOnce, { dom: nobody, autostart: true }));
    expect(isUnknownProcedure(late) || libvirtCode(late) === ErrorCode.noDomain).toBe(true);
    await c.close();
    expect(everyProcedure.filter((name) => !counts.has(name) && name !== "connect.authPolkit")).toEqual([]);
    expect(trailing).toEqual([]);
  });
});
