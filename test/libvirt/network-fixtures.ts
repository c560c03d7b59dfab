import { type LibvirtHost, openHost } from "../../provider/backends/libvirt/host.js";
import { network } from "../../provider/backends/libvirt/network.js";
import { Engine, PartialFailure } from "../../provider/core/engine.js";
import { ProviderError } from "../../provider/core/errors.js";
import type { InputsOf } from "../../provider/core/kind.js";
import { Network } from "../../provider/kinds/network.js";

export type Wanted = InputsOf<typeof Network>;

/** A host with its engine for networks, as a face would have them. */
export interface Side {
  readonly host: LibvirtHost;
  readonly engine: Engine<typeof Network, LibvirtHost>;
  readonly counts: Map<string, number>;
  readonly said: string[];
  /** Checks a declaration; throws when anything is wrong with it. */
  declare(written: Readonly<Record<string, unknown>>): Wanted;
  create(wanted: Wanted): ReturnType<Engine<typeof Network, LibvirtHost>["create"]>;
  /** Previews, updates and checks that nothing is left to do. Gives the previewed effect. */
  change(id: string, from: Wanted, to: Wanted): Promise<string | undefined>;
  remove(id: string, wanted: Wanted): Promise<void>;
}

export function side(uri: string, owner = "p/s"): Side {
  const counts = new Map<string, number>();
  const host = openHost({ uri }, counts);
  const engine = new Engine(Network, network, { name: uri, connection: host });
  const said: string[] = [];
  const step = { report: (message: string) => said.push(message), signal: new AbortController().signal };
  const declare: Side["declare"] = (written) => {
    const { inputs, problems } = engine.check({ owner, ...written });
    if (problems.length > 0) throw new Error(problems.map((p) => `${p.path} ${p.reason}`).join("; "));
    return inputs as Wanted;
  };
  return {
    host,
    engine,
    counts,
    said,
    declare,
    create: (wanted) => engine.create(wanted, step),
    change: async (id, from, to) => {
      const kept = await engine.read(id, from);
      const planned = engine.plan(kept?.inputs ?? {}, to, await engine.observe(id, from));
      await engine.update(id, from, to, step);
      const after = await engine.read(id, to);
      const left = engine.plan(after?.inputs ?? {}, to, await engine.observe(id, to));
      if (left.changes.length > 0) throw new Error(`left: ${JSON.stringify(left.changes)}`);
      return planned.effect;
    },
    remove: (id, wanted) => engine.remove(id, wanted, step),
  };
}

/** The error of a step that must fail, be it before or after the host had the resource. */
export async function failure(step: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await step.then(
    () => undefined,
    (e: unknown) => (e instanceof PartialFailure ? e.failure : e),
  );
  if (!(error instanceof ProviderError)) throw new Error(`did not fail as it should: ${String(error)}`);
  return error;
}
