import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { connect, networks } from "../../provider/backends/libvirt/rpc/index.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { failure } from "../ssh/fixtures.js";
import { asOther, otherMissing } from "./other-user.js";

const missing = requirements() ?? otherMissing();
const title = "rights on a host's sockets";

/** What a user who is in these groups gets: the host's name, or the sentence of the refusal. */
const ask = (uri: string, groups: readonly number[]) => asOther({ uri, groups });

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let open: LibvirtHost;
  beforeAll(async () => {
    open = await startLibvirtd({ libvirtdConf: ['unix_sock_rw_perms = "0770"', 'unix_sock_ro_perms = "0777"'] });
  });
  afterAll(async () => {
    await open?.stop();
  });

  it("lets in who has the socket's group, and tells everybody else which group that is", async () => {
    expect(await ask(open.uri, [0])).toMatchObject({ ok: true });
    const outside = await ask(open.uri, []);
    expect(outside).toMatchObject({ ok: false, code: "denied" });
    expect(outside.text).toContain(`no permission to use the socket ${open.socket}`);
  });

  it("reads over the read-only socket, and refuses a write with the reason", async () => {
    const uri = `qemu:///system?socket=${open.socket}-ro`;
    expect(await ask(uri, [])).toMatchObject({ ok: true });
    const host = openHost({ uri });
    try {
      await host.session.call(connect.hostname, undefined);
      const xml = "<network><name>ro</name><bridge name='ro0'/></network>";
      const error = await failure(host.session.call(networks.define, { xml }));
      expect(error).toMatchObject({ code: "denied", hint: expect.stringContaining("read-write socket") });
    } finally {
      await host.close();
    }
  });
});
