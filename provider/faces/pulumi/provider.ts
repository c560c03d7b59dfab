import type { Kind } from "../../core/kind.js";
import type { Fields } from "../../core/values.js";
import { kinds } from "../../kinds/index.js";
import { type CheckResult, checkInputs } from "./check.js";
import type { DiffResult } from "./difference.js";
import { Failure, toFailure } from "./failures.js";
import { session, type World } from "./session.js";
import { type ConfigureRequest, readSettings } from "./settings.js";
import { create, diff, type ReadResult, read, remove, update } from "./steps.js";

/** What the dynamic provider process calls (`cmd/dynamic-provider` of the Node SDK). */
export interface DynamicProvider {
  configure(request: ConfigureRequest): Promise<void>;
  check(olds: Fields, news: Fields): Promise<CheckResult>;
  diff(id: string, olds: Fields, news: Fields): Promise<DiffResult>;
  create(inputs: Fields): Promise<{ id: string; outs: Fields }>;
  read(id: string, props: Fields): Promise<ReadResult>;
  update(id: string, olds: Fields, news: Fields): Promise<{ outs: Fields }>;
  delete(id: string, props: Fields): Promise<void>;
}

/** The provider of one kind. One object serves all resources of the kind in its process. */
export function dynamicProvider(name: string, world: World): DynamicProvider {
  const known: Readonly<Record<string, Kind>> = kinds;
  const kind = Object.hasOwn(known, name) ? known[name] : undefined;
  if (kind === undefined)
    throw new Failure(`crossvisor has no kind "${name}": the installed version is too old for it`);
  const s = session(kind, world);
  const outcome = <T>(work: () => Promise<T>): Promise<T> =>
    s.hosts.run(work).catch((error: unknown) => {
      throw toFailure(error);
    });
  return {
    configure: async (request) => {
      s.ready = (async () => readSettings(request))();
      s.ready.catch(() => undefined);
    },
    check: (olds, news) => outcome(() => checkInputs(s, olds, news)),
    diff: (id, olds, news) => outcome(() => diff(s, id, olds, news)),
    create: (inputs) => outcome(() => create(s, inputs)),
    read: (id, props) => outcome(() => read(s, id, props)),
    update: (id, olds, news) => outcome(() => update(s, id, olds, news)),
    delete: (id, props) => outcome(() => remove(s, id, props)),
  };
}
