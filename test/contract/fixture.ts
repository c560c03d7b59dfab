import type { Support } from "../../provider/core/driver.js";
import type { OpenHost } from "../../provider/core/engine.js";
import type { KindName, Kinds } from "../../provider/kinds/index.js";

/** What somebody writes in a program. */
export type Words = Readonly<Record<string, unknown>>;

/**
 * A host to run the contract against. It is opened once for the whole suite and closed at its end; the suite removes
 * what it made after each test, and never looks at what it did not make.
 *
 * Names that the suite makes begin with `contract-`, so that a fixture can sweep up after a crash.
 */
export interface Fixture {
  readonly host: OpenHost;
  /** The support tables of the backend's drivers: `drivers[kind].support`. */
  readonly support: { readonly [N in KindName]: Support<Kinds[N]> };
  /**
   * Absolute path, on the host, of a directory that does not exist yet and may be made: another one for each name. The
   * suite leaves directories behind; `close` removes them.
   */
  folder(name: string): string;
  /** A free IPv4 network with prefix 24, spelled like `10.87.3.0/24`: another one for each `n` from 0 to 99, none of them overlapping. */
  cidr(n: number): string;
  /** Absolute paths, on the host, of two files that can be CD images of a guest. */
  readonly cdroms: readonly [string, string];
  /**
   * Words that every declaration of a kind gets on this host, such as `{ VirtualMachine: { firmware: "bios" } }`. They
   * stand below the words of the suite, so that a test can still say something else.
   */
  readonly words: { readonly [N in KindName]?: Words };
  /**
   * What is different after every start of a machine and the same while it stays up: its process, its boot id.
   * `undefined` while it is stopped. Asked from the host by another way than the driver's where there is one.
   */
  incarnation(machine: string): Promise<string | number | undefined>;
  /**
   * The same host, on a way to it that fails after the first write of the next creation has reached the host: the
   * answer is lost. Without it list `recognises a creation that broke off` among the deviations, for each kind.
   */
  breaking?(): Promise<OpenHost>;
  /** The same host, on a way to it on which nothing answers any more. `host` stays as it is. */
  silent(): Promise<OpenHost>;
  close(): Promise<void>;
}

/** How a backend is put under the contract. */
export interface Terms {
  open(): Promise<Fixture>;
  /**
   * Promises that this backend or host does not keep, by the test's name as the report shows it
   * (`VirtualMachine > changes disks (bus) in place`), with the reason. They are reported as skipped with the reason. A name that is no test fails.
   */
  readonly deviations?: Readonly<Record<string, string>>;
}
