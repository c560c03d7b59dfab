import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { type LibvirtHost, openHost } from "../../provider/backends/libvirt/host.js";
import { network } from "../../provider/backends/libvirt/network.js";
import { storagePool } from "../../provider/backends/libvirt/storage-pool.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { volume } from "../../provider/backends/libvirt/volume.js";
import { Engine, type Kept, PartialFailure } from "../../provider/core/engine.js";
import { ProviderError, sentence } from "../../provider/core/errors.js";
import type { Kind, Problem } from "../../provider/core/kind.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { LibvirtHost as Lab } from "../hosts/libvirtd.js";

const drivers = { StoragePool: storagePool, Volume: volume, Network: network, VirtualMachine: virtualMachine };
const silent = () => ({ report: () => undefined, signal: new AbortController().signal });
/** Calls that change something on the host. A refresh of a pool reads its directory. */
const WRITING =
  /\.(define\w*|undefine|create\w*|build|update\w*|upload|resize|blockResize|delete|set\w+|attach\w+|detach\w+|destroy|shutdown|suspend|resume|reboot|wipe\w*)$/;

export type Words = Readonly<Record<string, unknown>>;
export type Made = Kept<Kind> & { readonly kind: KindName };

/** One owner's process that works on a host. */
export interface Party {
  readonly host: LibvirtHost;
  readonly owner: string;
  engine(kind: KindName): Engine<Kind, LibvirtHost>;
  /** A declaration in its normal form; one that is wrong by itself fails the test. */
  words(kind: KindName, written: Words): never;
  make(kind: KindName, written: Words): Promise<Made>;
  remove(made: Made, more?: Words): Promise<void>;
  examine(kind: KindName, written: Words, now?: Made): Promise<readonly Problem[]>;
  /** The calls so far that change something. */
  writes(): readonly string[];
  close(): Promise<void>;
}

export function party(uri: string, owner: string): Party {
  const counts = new Map<string, number>();
  const host = openHost({ uri }, counts);
  const engine = (kind: KindName) =>
    new Engine(kinds[kind], drivers[kind] as never, { name: uri, connection: host }) as unknown as Engine<
      Kind,
      LibvirtHost
    >;
  const words = (kind: KindName, written: Words): never => {
    const { inputs, problems } = engine(kind).check({ owner, ...written });
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
    return inputs as never;
  };
  return {
    host,
    owner,
    engine,
    words,
    make: async (kind, written) => ({ kind, ...(await engine(kind).create(words(kind, written), silent())) }),
    remove: ({ kind, id, inputs }, more = {}) => engine(kind).remove(id, { ...inputs, ...more }, silent()),
    examine: (kind, written, now) => engine(kind).examine(words(kind, written), now?.id, now?.inputs),
    writes: () => [...counts.keys()].filter((name) => WRITING.test(name)),
    close: () => host.session.close(),
  };
}

/** A step that must be refused, with the property or kind and the words that say by whom and why, and a remedy. */
export async function refused(step: Promise<unknown>, said: RegExp, property?: string): Promise<ProviderError> {
  const error: unknown = await step.then(
    () => undefined,
    (e: unknown) => (e instanceof PartialFailure ? e.failure : e),
  );
  if (!(error instanceof ProviderError)) throw new Error(`it was not refused: ${String(error)}`);
  const text = sentence(error);
  expect(text).toMatch(said);
  expect(error.code, text).toMatch(/^(exists|busy|invalid|failed)$/);
  expect(error.hint ?? "", text).toMatch(/^[A-Z].*\.$/s);
  if (property !== undefined) expect(error.where.property, text).toBe(property);
  return error;
}

/** What virsh tells of everything on a host, for a comparison before and after. */
export const everything = (lab: Lab): Promise<string> =>
  lab.exec([
    "sh",
    "-c",
    `for d in $(virsh list --all --uuid); do virsh dumpxml --inactive $d; virsh domstate $d; done
     for n in $(virsh net-list --all --uuid); do virsh net-dumpxml --inactive $n; virsh net-info $n; done
     for p in $(virsh pool-list --all --uuid); do virsh pool-dumpxml $p | grep -v -e allocation -e available; virsh pool-info $p | grep State; done
     virsh secret-list; find ${lab.pools} -printf '%p %s %y\\n' | sort`,
  ]);

/** Defines what somebody else has, from its XML. */
export async function foreign(lab: Lab, verb: "define" | "net-define" | "pool-define" | "secret-define", xml: string) {
  const file = join(lab.root, "foreign.xml");
  await writeFile(file, xml);
  await lab.virsh(verb, file);
}
