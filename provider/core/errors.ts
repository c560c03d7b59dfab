/**
 * What went wrong, as a fact the engine can act on.
 *
 * `not-found` is "gone" for a read and success for a removal. `unreachable`, `timeout`, `busy` and `dropped` never
 * change a state; `dropped` means that the answer was lost, so observe before deciding. `invalid` points at a property.
 * `hidden` is neither there nor gone: what holds it cannot be looked into now, and a read keeps what was recorded.
 */
export type Code =
  | "not-found"
  | "exists"
  | "denied"
  | "invalid"
  | "unsupported"
  | "unreachable"
  | "dropped"
  | "timeout"
  | "busy"
  | "hidden"
  | "failed"
  | "bug";

/** Where it went wrong. Layers add what they know on the way up; the innermost word wins. */
export interface Where {
  readonly host?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly verb?: string | undefined;
  readonly property?: string | undefined;
}

export interface Details {
  readonly where?: Where | undefined;
  /** What the user can do about it: a full sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** The one error that leaves a driver, a transport or the engine. `fact` is a phrase without a full stop and without secrets. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  readonly where: Where;
  readonly hint: string | undefined;

  constructor(
    readonly code: Code,
    readonly fact: string,
    details: Details = {},
  ) {
    super(fact, details.cause === undefined ? undefined : { cause: details.cause });
    this.where = details.where ?? {};
    this.hint = details.hint;
  }
}

/** The same error with more of its place known; anything that is not a `ProviderError` becomes a `bug`. */
export const placed = (error: unknown, where: Where): ProviderError => {
  if (error instanceof ProviderError) {
    const { code, fact, hint, cause } = error;
    return new ProviderError(code, fact, { where: { ...where, ...defined(error.where) }, hint, cause });
  }
  return new ProviderError("bug", error instanceof Error ? error.message : String(error), { where, cause: error });
};

/** Runs a step and adds where it happened to any error that leaves it. */
export async function within<T>(where: Where, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw placed(error, where);
  }
}

/** The one place that turns an error into words. */
export function sentence(error: ProviderError): string {
  const { where: w, fact, hint, code } = error;
  const what = `Unable to ${w.verb ?? "use"} ${w.kind ?? "host"}${w.name === undefined ? "" : ` "${w.name}"`}`;
  const at = w.host === undefined ? "" : ` on ${w.host}`;
  const property = w.property === undefined ? "" : `${w.property}: `;
  const report = code === "bug" ? "This is a bug in crossvisor: please report it." : undefined;
  return [`${what}${at}: ${property}${fact}.`, hint, report].filter((part) => part !== undefined).join(" ");
}

const defined = (where: Where): Where => Object.fromEntries(Object.entries(where).filter(([, v]) => v !== undefined));

/** Whether it is a `ProviderError` with one of these codes. */
export const isProviderError = (error: unknown, ...codes: readonly Code[]): error is ProviderError =>
  error instanceof ProviderError && (codes.length === 0 || codes.includes(error.code));
