import type { Difference } from "./compare.js";
import type { InputsOf, Kind, OutputsOf, Problem, PropertyOf } from "./kind.js";
import type { Effect } from "./schema.js";

/** `true`, or the sentence a user reads at preview when they set a property that this backend cannot honour. */
export type Support<K extends Kind> = { readonly [P in PropertyOf<K>]: true | `not supported: ${string}` };

/** What one difference does to what exists, and why when the kind's general answer does not say it. */
export interface Verdict {
  readonly effect: Effect;
  /** A phrase: "maxMemory is 2GiB". */
  readonly because?: string;
}

/** A difference with its effect on what exists now. */
export interface Change extends Difference, Verdict {}

/** What the host says of a resource. */
export interface Observed<K extends Kind> {
  /** Id under which the face keeps it; stable for the life of the resource. */
  readonly id: string;
  /** Every property the host knows, declared or not, in normal form. */
  readonly properties: Partial<InputsOf<K>>;
  readonly outputs: OutputsOf<K>;
  /**
   * What it has that no property can say, as phrases for a person who takes it over: "interface 52:54:00:12:34:56 of the
   * type direct". Updates leave it alone.
   */
  readonly beyond?: readonly string[];
}

/** An object of the host, as a list of all of them tells it. */
export interface Listed<K extends Kind> {
  readonly id: string;
  readonly name: string;
  /** What says where it is and cannot be observed: the pool of a volume. */
  readonly properties: Partial<InputsOf<K>>;
  /** Outputs by which others refer to it. */
  readonly outputs: Partial<OutputsOf<K>>;
  /** Whose it is, where its mark tells that and `observe` does not. */
  readonly owner?: string | undefined;
}

/** What was kept of a resource when it was last written or read. */
export interface Recorded<K extends Kind> {
  readonly inputs: Partial<InputsOf<K>>;
  readonly outputs: Partial<OutputsOf<K>>;
}

/** What a step may tell while it runs. */
export interface Step {
  /** Called by `create` the moment the host has the resource: a later failure is a partial resource, not a leak. */
  made(id: string): void;
  /** A line for a person who waits. */
  report(message: string): void;
  readonly signal: AbortSignal;
}

/** What an update gets: what exists, what is wanted, and the changes between them. */
export interface Update<K extends Kind> {
  readonly id: string;
  readonly observed: Observed<K>;
  readonly wanted: InputsOf<K>;
  readonly changes: readonly Change[];
}

/**
 * How one backend manages one kind: two tables, what they leave open, and seven verbs, with one promise each.
 *
 * Every verb may throw `ProviderError`; a host that cannot answer is an error and never an absence.
 */
export interface Driver<K extends Kind, Host> {
  readonly support: Support<K>;
  /**
   * What of a valid declaration this backend cannot honour although it supports the property: `networks[0].vlan`, with
   * the reason. Pure; values that are not known yet are `undefined`. Without it every value is honoured.
   */
  limits?(declared: Partial<InputsOf<K>>): readonly Problem[];
  /**
   * What a difference does to `now`. Pure. Without an entry the kind's general answer holds.
   * `now` is undefined for a resource whose present state is not known.
   */
  readonly effects: {
    readonly [P in PropertyOf<K>]?: (change: Difference, now: Observed<K> | undefined, wanted: InputsOf<K>) => Verdict;
  };
  /** Changes nothing. All objects of the kind that the host shows, whoever made them. */
  list(host: Host): Promise<readonly Listed<K>[]>;
  /**
   * Changes nothing. The object that a word means where another declaration refers to it, in a form that is the same for
   * all words for it; `undefined` when the host has none. Without it one word alone means an object.
   */
  find?(host: Host, word: string): Promise<string | undefined>;
  /**
   * Changes nothing. What the host already knows to be wrong with a declaration, for previews: a missing network, too
   * much memory, a foreign object of the same name. `now` is the resource when it exists already, and `declared` what was
   * declared of it last, where that is known.
   */
  examine(
    host: Host,
    wanted: Partial<InputsOf<K>>,
    now: Observed<K> | undefined,
    declared?: Partial<InputsOf<K>>,
  ): Promise<readonly Problem[]>;
  /**
   * Changes nothing. `undefined` only when the host said that the resource is absent. `recorded` is what was kept of it
   * last: a driver may take from it what cannot have changed since, and where what runs differs from what is
   * configured it shows the one that is not as recorded.
   */
  observe(host: Host, id: string, recorded?: Recorded<K>): Promise<Observed<K> | undefined>;
  /**
   * Makes it, or goes on with what an earlier, broken-off attempt of the same owner made. Refuses what belongs to
   * somebody else (`exists`), unless `adopt` names it: then it is taken over without a change.
   */
  create(host: Host, wanted: InputsOf<K>, step: Step): Promise<void>;
  /** Gets only changes that `support` allows and that need no replacement. */
  update(host: Host, update: Update<K>, step: Step): Promise<void>;
  /** Succeeds when it is already gone. `declared` is what was last declared: policies are read from it. */
  remove(host: Host, id: string, declared: Partial<InputsOf<K>>, step: Step): Promise<void>;
}
