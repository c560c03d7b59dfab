import type { Engine, Kept, OpenHost } from "../../provider/core/engine.js";
import type { InputsOf, Kind } from "../../provider/core/kind.js";
import type { KindName } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { step } from "../contract/stand.js";
import type { Ground } from "./entry.js";

export type Made = Kept<Kind>;
export type Inputs = InputsOf<Kind>;

/** A private host with objects that declarations can refer to, and with witnesses of what happens on it. */
export abstract class Lab {
  protected constructor(readonly host: OpenHost) {}

  engine(kind: KindName): Engine<Kind, unknown> {
    return this.host.engine(kind);
  }

  create(kind: KindName, words: Words): Promise<Made> {
    return make(this.host, kind, words);
  }

  remove(kind: KindName, { id, inputs }: Made): Promise<void> {
    return this.engine(kind).remove(id, inputs as Inputs, step());
  }

  /** Disks and files of its own for somebody; networks, bridges and pools are shared. */
  abstract ground(who: string, disks?: boolean): Promise<Ground>;
  /** As a refresh of another process sees it, which has written nothing and reads in bulk. */
  abstract refreshed<T>(kind: KindName, look: (engine: Engine<Kind, unknown>) => Promise<T>): Promise<T>;
  /** What is another one after each start of a machine or a network, or for each file of a volume. */
  abstract incarnation(kind: KindName, made: Made): Promise<string | undefined>;
  /** Whether the host tells of objects of this kind. */
  abstract tells(kind: KindName): boolean;
  /** What the host told of an object since the last call, in the order in which it happened: `started`, `stopped`. */
  abstract heard(id: string): Promise<readonly string[]>;
  abstract close(): Promise<void>;
}

/** Makes something that is declared rightly. */
export async function make(host: OpenHost, kind: KindName, words: Words): Promise<Made> {
  const engine = host.engine(kind);
  const { inputs, problems } = engine.check(words);
  if (problems.length > 0) throw new Error(problems.map((p) => `${kind} ${p.path} ${p.reason}`).join("; "));
  return engine.create(inputs as Inputs, step());
}
