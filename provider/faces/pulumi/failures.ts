import { PartialFailure } from "../../core/engine.js";
import { ProviderError, placed, sentence } from "../../core/errors.js";

/**
 * An error as a user sees it. The dynamic provider process prints `${error}: ${error.stack}` on its own, so both are the
 * sentence's frame instead of our call stack, except for a bug, whose stack is what a report needs.
 */
export class Failure extends Error {
  override readonly name: string = "crossvisor";

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    const bug = cause instanceof ProviderError && cause.code === "bug";
    this.stack = bug ? stackOf(cause) : message;
  }

  override toString(): string {
    return this.name;
  }
}

/** A step failed after the host had the resource: the engine keeps `properties` under `id`. */
export class Unfinished extends Failure {
  readonly reasons: readonly string[];

  constructor(
    readonly id: string,
    readonly properties: Readonly<Record<string, unknown>>,
    failure: ProviderError,
  ) {
    super(sentence(failure), failure);
    this.reasons = [this.message];
  }
}

/** The sentence for whatever was thrown. */
export const words = (error: unknown): string =>
  error instanceof Failure
    ? error.message
    : sentence(placed(error instanceof PartialFailure ? error.failure : error, {}));

export const toFailure = (error: unknown): Failure => {
  if (error instanceof Failure) return error;
  const known = placed(error instanceof PartialFailure ? error.failure : error, {});
  return new Failure(sentence(known), known);
};

const stackOf = (error: Error): string => {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${error.cause.stack ?? error.cause.message}` : own;
};
