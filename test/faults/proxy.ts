import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { FrameSplitter } from "../../provider/backends/libvirt/rpc/frames.js";
import { errorBody } from "../../provider/backends/libvirt/rpc/types.js";
import {
  decodeHeader,
  encodeHeader,
  type Header,
  MessageType,
  Program,
  Status,
} from "../../provider/backends/libvirt/rpc/wire.js";
import { encoded, frameOf } from "../rpc/scripted-peer.js";
import { type LibvirtFault, REFUSALS } from "./faults.js";
import { nameOf } from "./names.js";

/** What the proxy cannot do by itself. */
export interface Hooks {
  /** SIGKILL for the daemon; resolves when it is dead. */
  kill(): Promise<void>;
  /** Resolves when the daemon answers again. */
  restart(): Promise<void>;
  /** The provider's process is gone: called at once, before anything else can happen. */
  die(): void;
  /** The user pressed ^C, once or twice. */
  interrupt(times: 1 | 2): void;
  /** Pulumi's CLI gets SIGKILL. */
  quit?(): void;
  /** The connection to the SSH server is cut, or does not move any more. */
  ssh?(how: "cut" | "silence"): void;
}

interface Way {
  readonly client: Socket;
  readonly daemon: Socket;
}

/** The answer of one message, and what happens to it. */
interface Awaited {
  readonly serial: number;
  readonly way: Way;
  readonly answered: (frame: Buffer) => void;
}

/**
 * A socket before the daemon's that passes every message on, until the one that a fault was ordered for. Messages of all
 * connections are counted together: calls and pieces of uploads.
 */
export class FaultProxy {
  /** Names of the messages since `arm`. */
  readonly points: string[] = [];
  /** The message that the fault happened at. */
  fired: string | undefined;
  private fault: LibvirtFault | undefined;
  private at = -1;
  private awaited: Awaited | undefined;
  private refusing = false;
  private frozen = false;
  private gate: Promise<void> = Promise.resolve();
  private readonly ways = new Set<Way>();
  private readonly swallowed = new Set<string>();

  private constructor(
    readonly socket: string,
    private readonly target: string,
    private readonly hooks: Hooks,
    private readonly server: Server,
  ) {}

  static async open(target: string, socket: string, hooks: Hooks): Promise<FaultProxy> {
    await rm(socket, { force: true });
    const server = createServer().listen(socket);
    await once(server, "listening");
    const proxy = new FaultProxy(socket, target, hooks, server);
    server.on("connection", (client) => void proxy.accept(client));
    return proxy;
  }

  /** Begins to count. With a fault: it happens at the message of that index, once. */
  arm(fault?: LibvirtFault, at = -1): void {
    this.points.length = 0;
    this.fired = undefined;
    this.fault = fault;
    this.at = at;
  }

  /** Waits for a daemon that is being killed or restarted. */
  async settled(): Promise<void> {
    await this.gate;
  }

  /** Every connection ends; new ones are taken and passed on. */
  heal(): void {
    this.fault = undefined;
    this.awaited = undefined;
    this.refusing = false;
    this.frozen = false;
    this.swallowed.clear();
    this.cut();
  }

  /** Nobody is connected. */
  get isIdle(): boolean {
    return this.ways.size === 0;
  }

  async close(): Promise<void> {
    this.refusing = true;
    this.cut();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private cut(): void {
    for (const { client, daemon } of this.ways) {
      client.destroy();
      daemon.destroy();
    }
    this.ways.clear();
  }

  private async accept(client: Socket): Promise<void> {
    client.on("error", () => undefined).pause();
    await this.gate;
    if (this.refusing || client.destroyed) return void client.destroy();
    const daemon = connect(this.target);
    const way: Way = { client, daemon };
    this.ways.add(way);
    daemon.on("error", () => undefined);
    const end = () => {
      this.ways.delete(way);
      client.destroy();
      daemon.destroy();
    };
    client.on("close", end);
    // What cannot move does not end either.
    daemon.on("close", () => (this.frozen ? undefined : end()));
    const up = new FrameSplitter((frame) => this.fromClient(way, Buffer.from(frame)));
    const down = new FrameSplitter((frame) => this.fromDaemon(way, Buffer.from(frame)));
    client.on("data", (bytes: Buffer) => up.push(bytes));
    daemon.on("data", (bytes: Buffer) => down.push(bytes));
    client.resume();
  }

  private fromClient(way: Way, frame: Buffer): void {
    if (this.frozen || way.client.destroyed) return;
    const header = decodeHeader(frame);
    const isStream = header.type === MessageType.stream || header.type === MessageType.hole;
    if (header.program === Program.keepalive || !(isStream || header.type === MessageType.call)) {
      way.daemon.write(frame);
      return;
    }
    const index = this.points.push(nameOf(header)) - 1;
    if (this.fault === undefined || index !== this.at) way.daemon.write(frame);
    else {
      const { fault } = this;
      this.fault = undefined;
      this.fired = this.points[index];
      this.happenings[fault](way, { frame, header, isStream });
    }
  }

  private readonly happenings: Readonly<Record<LibvirtFault, (way: Way, sent: Sent) => void>> = {
    "cut before": () => this.cut(),
    "half a call": ({ daemon }, { frame }) => {
      daemon.write(half(frame), () => this.cut());
    },
    "cut after": (way, sent) => this.passed(way, sent, () => this.cut()),
    "half an answer": (way, sent) =>
      this.passed(way, sent, (answer) => {
        way.client.end(half(answer), () => this.cut());
      }),
    refusal: (way, sent) => this.refuse(way, sent),
    "no answer": (way, sent) => this.passed(way, sent, () => undefined),
    silence: ({ daemon }, { frame }) => {
      daemon.write(frame);
      this.frozen = true;
    },
    "daemon restarted": () => {
      this.gate = this.hooks.kill().then(() => this.hooks.restart());
    },
    "daemon killed": (way, sent) =>
      this.passed(way, sent, () => {
        this.refusing = true;
        this.gate = this.hooks.kill().then(() => this.cut());
      }),
    "process killed before": () => this.die(),
    // The daemon notices the end of the connection only after it has carried the call out.
    "process killed after": (way, sent) => this.passed(way, sent, () => this.die()),
    "^C": ({ daemon }, { frame }) => {
      this.hooks.interrupt(1);
      daemon.write(frame);
    },
    "^C twice": ({ daemon }, { frame }) => {
      this.hooks.interrupt(2);
      daemon.write(frame);
    },
    "Pulumi killed": ({ daemon }, { frame }) => {
      this.hooks.quit?.();
      daemon.write(frame);
    },
    "ssh cut before": () => this.hooks.ssh?.("cut"),
    "ssh cut after": (way, sent) => this.passed(way, sent, () => this.hooks.ssh?.("cut")),
    "ssh silence": ({ daemon }, { frame }) => {
      this.hooks.ssh?.("silence");
      daemon.write(frame);
    },
  };

  private die(): void {
    this.refusing = true;
    this.hooks.die();
    this.cut();
  }

  /** The daemon's own word for the call, without doing it. A stream is ended on its side too. */
  private refuse(way: Way, { header, isStream }: Sent): void {
    const { code, message } = REFUSALS[this.points.length % REFUSALS.length] ?? REFUSALS[0];
    const body = encoded(errorBody, { code, domain: 0, message, level: 2, int1: 0, int2: 0 });
    if (isStream) {
      this.swallowed.add(String(header.serial));
      way.daemon.write(encodeHeader({ ...header, type: MessageType.stream, status: Status.error }, 0));
    }
    const type = isStream ? MessageType.stream : MessageType.reply;
    way.client.write(frameOf({ ...header, type, status: Status.error }, body));
  }

  /** Passes it on and waits for its answer. Pieces of a stream have none: what is to happen happens at once. */
  private passed(way: Way, { header, isStream, frame }: Sent, answered: Awaited["answered"]): void {
    way.daemon.write(frame);
    if (isStream && header.status === Status.more) answered(frame);
    else this.awaited = { serial: header.serial, way, answered };
  }

  private fromDaemon(way: Way, frame: Buffer): void {
    if (this.frozen || way.client.destroyed || way.client.writableEnded) return;
    const { serial, type } = decodeHeader(frame);
    const isAnswer = type === MessageType.reply || type === MessageType.stream;
    if (type === MessageType.stream && this.swallowed.delete(String(serial))) return;
    const { awaited } = this;
    if (awaited?.way === way && awaited.serial === serial && isAnswer) {
      this.awaited = undefined;
      awaited.answered(frame);
    } else way.client.write(frame);
  }
}

interface Sent {
  readonly frame: Buffer;
  readonly header: Header;
  readonly isStream: boolean;
}

const half = (frame: Buffer): Buffer => frame.subarray(0, Math.ceil(frame.length / 2));
