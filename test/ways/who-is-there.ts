/** Run as another user: opens the host of the first word and prints what it answers, as `Answer` of other-user.ts. */
import { openHost } from "../../provider/backends/libvirt/host.js";
import { connect, networks } from "../../provider/backends/libvirt/rpc/index.js";
import { placed, sentence } from "../../provider/core/errors.js";

async function main([uri = "", network]: readonly string[]): Promise<unknown> {
  const host = openHost({ uri });
  try {
    const text = await host.session.call(connect.hostname, undefined);
    if (network !== undefined)
      await host.session.call(networks.define, { xml: `<network><name>${network}</name></network>` });
    return { ok: true, text };
  } catch (error) {
    const known = placed(error, {});
    return { ok: false, code: known.code, text: sentence(known) };
  } finally {
    await host.close();
  }
}

main(process.argv.slice(2)).then((answer) => process.stdout.write(JSON.stringify(answer)));
