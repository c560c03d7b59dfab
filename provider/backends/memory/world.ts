import { createHash } from "node:crypto";
import { ProviderError } from "../../core/errors.js";
import type { InputsOf, Kind } from "../../core/kind.js";
import { isFields } from "../../core/values.js";
import type { KindName, Kinds } from "../../kinds/index.js";

/** One object of a host. Its owner stands among its properties. */
export interface Stored<K extends Kind> {
  readonly id: string;
  readonly properties: InputsOf<K>;
  /** Number of the start of a virtual machine that is not stopped. */
  readonly instance?: number;
}

/** All that a host holds. */
export type World = { starts: number } & { [N in KindName]: Stored<Kinds[N]>[] };

/** What every host begins with, as real ones do: the pool that volumes without a pool go into. Nobody owns it. */
const DEFAULT_POOL: Stored<Kinds["StoragePool"]> = {
  id: "default-pool",
  properties: {
    owner: "",
    name: "default",
    type: "dir",
    path: "/memory/default",
    build: false,
    autostart: true,
    active: true,
    onDelete: "keep",
  },
};

/** A world out of what was kept of it. Throws `unreachable` for what is none. */
export function wholeWorld(kept: unknown): World {
  if (!isFields(kept)) throw new ProviderError("unreachable", "what is kept of the host is not an object");
  const fresh: World = {
    starts: 0,
    StoragePool: [structuredClone(DEFAULT_POOL)],
    Volume: [],
    Network: [],
    VirtualMachine: [],
  };
  return { ...fresh, ...kept };
}

const hash = (...parts: readonly string[]): string => createHash("sha256").update(JSON.stringify(parts)).digest("hex");

/** The same for the same kind, owner and place: a creation that is repeated comes to the same object. */
export const idOf = (kind: string, owner: string, place: string): string =>
  hash(kind, owner, place).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");

/** A number from 0 to below `limit` that is the same for the same text. */
export const numberOf = (text: string, limit: number): number => Number.parseInt(hash(text).slice(0, 12), 16) % limit;
