import { Duplex } from "node:stream";
import type { Through } from "../../provider/backends/hyperv/way.js";
import type { RequestFault } from "./faults.js";
import { type Asked, agentDialect, type Dialect, type Message, sftpDialect } from "./hyperv-dialects.js";

/** What the tap cannot do by itself. */
export interface Hooks {
  /** The SSH connection ends without a goodbye, or moves no more. */
  cut(): void;
  silence(): void;
  /** The provider's process is gone, and its connections with it. */
  die(): void;
  /** The user pressed ^C. */
  interrupt(): void;
  /** SIGKILL for the programs of that kind on the host. */
  kill(program: "agent" | "sftp"): void;
}

/** One program on the host, between us and it. */
interface Talk {
  readonly program: "agent" | "sftp";
  readonly dialect: Dialect;
  readonly host: Duplex;
  readonly provider: Duplex;
}

interface Sent {
  readonly talk: Talk;
  readonly message: Buffer;
  readonly id: number;
  readonly name: string;
}

/** The answer of one request, and what happens to it. */
interface Awaited {
  readonly talk: Talk;
  readonly id: number;
  readonly answered: (answer: Buffer) => void;
}

const DIALECTS = { agent: agentDialect, sftp: sftpDialect } as const;

/**
 * Stands inside of the SSH connections of one provider process, before they are encrypted, and passes every message on,
 * until the one that a fault was ordered for. Requests to agents and packets of uploads are counted together.
 */
export class HypervTap {
  /** Names of the requests since `arm`. */
  readonly points: string[] = [];
  fired = false;
  private fault: RequestFault | undefined;
  private at = -1;
  private awaited: Awaited | undefined;
  /** Nothing passes any more. */
  private closed = false;
  /** How long each request took when nothing went wrong, in milliseconds. */
  private readonly lasting = new Map<string, number>();

  constructor(private readonly hooks: Hooks) {}

  /** The longest of them so far. */
  get slowest(): number {
    return Math.max(0, ...this.lasting.values());
  }

  arm(fault?: RequestFault, at = -1): void {
    this.points.length = 0;
    this.fired = false;
    this.fault = fault;
    this.at = at;
    this.awaited = undefined;
    this.closed = false;
  }

  readonly through: Through = (host, program) => {
    const provider = new Duplex({
      read: () => undefined,
      write: (message: Buffer, _encoding, done) => {
        this.fromProvider(talk, message);
        done();
      },
      final: (done) => {
        host.end();
        done();
      },
    });
    const talk: Talk = { program, dialect: DIALECTS[program], host, provider };
    const cut = talk.dialect.cutter();
    host.on("data", (chunk: Buffer) => {
      for (const message of cut(chunk)) this.fromHost(talk, message);
    });
    host.once("end", () => provider.push(null));
    host.once("error", (error) => provider.destroy(error)).once("close", () => provider.destroy());
    provider.on("error", () => undefined).once("close", () => host.destroy());
    return provider;
  };

  private fromProvider(talk: Talk, message: Buffer): void {
    if (this.closed) return;
    const asked = talk.dialect.asked(message);
    const index = asked === undefined ? -1 : this.points.push(asked.name) - 1;
    const { fault } = this;
    if (asked !== undefined && fault !== undefined && index === this.at) {
      this.fault = undefined;
      this.fired = true;
      this.happenings[fault]({ talk, message, ...asked });
    } else {
      talk.host.write(message);
      if (asked !== undefined && this.at < 0) this.time(talk, asked);
    }
  }

  /** Remembers how long a request takes. */
  private time(talk: Talk, { id, name }: Asked): void {
    if (this.awaited !== undefined) return;
    const begun = Date.now();
    const answered = (answer: Buffer) => {
      this.lasting.set(name, Date.now() - begun);
      talk.provider.push(answer);
    };
    this.awaited = { talk, id, answered };
  }

  private readonly happenings: Readonly<Record<RequestFault, (sent: Sent) => void>> = {
    "cut before": () => this.hooks.cut(),
    "half a call": ({ talk, message }) => {
      talk.host.write(half(message), () => this.hooks.cut());
    },
    "cut after": (sent) => this.passed(sent, () => this.hooks.cut()),
    "half an answer": (sent) =>
      this.passed(sent, (answer) => {
        sent.talk.provider.push(half(answer));
        this.hooks.cut();
      }),
    refusal: ({ talk, id }) => void talk.provider.push(talk.dialect.refusal(id, this.at)),
    "no answer": (sent) => this.passed(sent, () => undefined),
    silence: ({ talk, message }) => {
      talk.host.write(message);
      this.hooks.silence();
    },
    "process killed before": () => this.die(),
    "process killed after": (sent) => this.passed(sent, () => this.die()),
    "^C": ({ talk, message }) => {
      this.hooks.interrupt();
      talk.host.write(message);
    },
    "agent killed": ({ talk, message, name }) => {
      talk.host.write(message);
      // The golden ratio spreads the moments of successive points over the length of a request.
      const moment = ((this.at * 0.618) % 1) * (this.lasting.get(name) ?? 0);
      setTimeout(() => this.hooks.kill(talk.program), moment);
    },
  };

  private die(): void {
    this.closed = true;
    this.hooks.die();
  }

  private passed({ talk, message, id }: Sent, answered: Awaited["answered"]): void {
    this.awaited = { talk, id, answered };
    talk.host.write(message);
  }

  private fromHost(talk: Talk, { bytes, id }: Message): void {
    if (this.closed || talk.provider.destroyed) return;
    const { awaited } = this;
    if (awaited?.talk === talk && awaited.id === id) {
      this.awaited = undefined;
      awaited.answered(bytes);
    } else talk.provider.push(bytes);
  }
}

const half = (bytes: Buffer): Buffer => bytes.subarray(0, Math.ceil(bytes.length / 2));
