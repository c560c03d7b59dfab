import { Duplex, type Readable, type Writable } from "node:stream";
import { ProviderError } from "../core/errors.js";

/** The two ends of something that carries bytes, and how to get rid of it. */
export interface Ends {
  readonly input: Writable;
  readonly output: Readable;
  close(): void;
  /** What the end of the output means: nothing, or the error the reader shall see in its place. */
  verdict?(): Promise<ProviderError | undefined>;
}

/**
 * One well-behaved `Duplex` over two ends. ssh2 channels need it (their `destroy` takes no error and their pending
 * writes never return after the connection is lost); a child process needs it to report its exit status.
 */
export function joined(ends: Ends): Duplex {
  const { input, output } = ends;
  const verdict = async (): Promise<ProviderError | undefined> => ends.verdict?.();
  const stream = new Duplex({
    read: () => {
      output.resume();
    },
    write: (chunk, _encoding, done) => {
      input.write(chunk, (error) => {
        // Who ended well without reading everything is told by the end of the output; there may be output left.
        if (error) verdict().then(done);
        else done();
      });
    },
    final: (done) => {
      input.end();
      done();
    },
    destroy: (error, done) => {
      ends.close();
      done(error);
    },
  });
  output.on("data", (chunk) => {
    if (!stream.push(chunk)) output.pause();
  });
  output.on("end", async () => {
    const error = await verdict();
    if (error === undefined) stream.push(null);
    else stream.destroy(error);
  });
  output.on("error", (error) => stream.destroy(error));
  // The callback of the write has the same error; without a listener it would end the process.
  input.on("error", () => {});
  output.pause();
  // A stream may fail before its user listens; that must not end the process. Whoever listens hears it all the same.
  stream.on("error", () => {});
  return stream;
}

/** The last 2000 characters of what was written to stderr, on one line, for an error message. */
export class StderrTail {
  #text = "";

  constructor(source: Readable) {
    source.on("data", (chunk: Buffer) => {
      this.#text = (this.#text + chunk.toString("utf8")).slice(-2000);
    });
    source.on("error", () => {});
  }

  get text(): string {
    return this.#text.trim().replace(/\s*\n\s*/g, "; ");
  }
}

/** How a command ended. `code` is null when a signal ended it, and both are null when nobody told. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** The error that an exit stands for, or undefined when the command ended well. */
export function exitError(program: string, exit: Exit): ProviderError | undefined {
  const said = exit.stderr === "" ? "" : `: ${exit.stderr}`;
  if (exit.code === 0) return undefined;
  if (exit.code === 127) {
    return new ProviderError("not-found", `the command ${program} is not on the host${said}`, {
      hint: `Install ${program} on the host, or put it on the PATH of a non-interactive login.`,
    });
  }
  if (exit.code === 126) return new ProviderError("denied", `the command ${program} may not be run${said}`);
  if (exit.code !== null) return new ProviderError("failed", `${program} ended with status ${exit.code}${said}`);
  if (exit.signal !== null) return new ProviderError("dropped", `${program} was ended by ${exit.signal}${said}`);
  return new ProviderError("dropped", `${program} ended without a status${said}`);
}
