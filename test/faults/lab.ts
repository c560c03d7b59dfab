import type { AnyFault } from "./faults.js";
import type { Declared, ProviderProcess, Stack } from "./pulumi.js";

/** A host of one's own on which faults happen, and one stack of resources on it. */
export interface Lab {
  /** What kind of host it is. */
  readonly driver: string;
  readonly faults: Injector;
  readonly stack: Stack;
  /** The process that the faults hit. An impatient one gives up soon what never answers. */
  process(patience: "patient" | "impatient"): ProviderProcess;
  /** Another one that nothing happens to, for one step. */
  calmly<T>(step: (process: ProviderProcess) => Promise<T>): Promise<T>;
  /** The host runs, nobody is at work on it, and the ways to it work. */
  heal(): Promise<void>;
  /** All that the host has, in a form that is equal for equal hosts. Nothing of a driver is used. */
  inventory(): Promise<unknown>;
  /** Where a file of the host lies on this machine; `undefined` where the host only pretends to have files. */
  file(path: string): string | undefined;
  /** Pulls the plug of machines, so that nobody waits for guests that are to be deleted. */
  powerOff(): Promise<void>;
  /** Takes away all that was not there at first, whatever the drivers think of it, and forgets the state. */
  wipe(): Promise<void>;
  close(): Promise<void>;
}

/** Makes one fault happen at one point of a step. */
export interface Injector {
  /** Begins to count. With a fault: it happens at that point, once. */
  arm(wanted?: { readonly fault: AnyFault; readonly at: number; readonly point: string }): Promise<void>;
  /** What was counted: the points at which a fault can happen. */
  points(): Promise<Points>;
  /** Whether the fault happened. */
  fired(): Promise<boolean>;
}

export type Points = (fault: AnyFault) => readonly string[];

/** A program and the names in it. */
export const namesOf = (program: readonly Declared[]): readonly string[] => program.map(({ name }) => name);
