/** Run as another user: makes and removes a pool, a volume and a machine, tries a network, and prints an `Answer`. */
import { join } from "node:path";
import { libvirt } from "../../provider/backends/libvirt/index.js";
import { PartialFailure } from "../../provider/core/engine.js";
import { placed, sentence } from "../../provider/core/errors.js";
import type { InputsOf, Kind } from "../../provider/core/kind.js";

async function main([uri = "", home = ""]: readonly string[]): Promise<unknown> {
  const host = libvirt.host({ uri });
  const step = { report: () => undefined, signal: new AbortController().signal };
  const make = async (kind: string, words: Readonly<Record<string, unknown>>) => {
    const engine = host.engine(kind);
    const { inputs, problems } = engine.check({ owner: "session/job", ...words });
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
    const wanted = inputs as InputsOf<Kind>;
    const made = await engine.create(wanted, step);
    const read = async () => (await engine.read(made.id, made.inputs, made.outputs))?.outputs as { state?: string };
    return { made, read, remove: () => engine.remove(made.id, made.inputs, step) };
  };
  try {
    const pool = await make("StoragePool", { name: "mine", path: join(home, "pool"), onDelete: "delete" });
    const disk = await make("Volume", { name: "disk", pool: "mine", size: "8MiB" });
    const machine = await make("VirtualMachine", {
      name: "mine",
      firmware: "bios",
      memory: "64MiB",
      shutdown: { timeout: 1 },
      disks: [{ volume: (disk.made.outputs as { path: string }).path }],
    });
    const running = (await machine.read())?.state;
    await machine.remove();
    const gone = (await machine.read()) === undefined;
    await disk.remove();
    await pool.remove();
    const network = await make("Network", { name: "mine", cidr: "192.168.77.0/24" }).then(
      () => "it was made",
      (error: unknown) => sentence(placed(error, {})),
    );
    return { ok: true, text: JSON.stringify({ running, gone, network }) };
  } catch (error) {
    const known = placed(error instanceof PartialFailure ? error.failure : error, {});
    return { ok: false, code: known.code, text: sentence(known) };
  } finally {
    await host.close();
  }
}

main(process.argv.slice(2)).then((answer) => process.stdout.write(JSON.stringify(answer)));
