import { Lines } from "../../provider/backends/hyperv/agent/wire.js";

/** How requests and answers look on one of the ways to a Hyper-V host. */
export interface Dialect {
  /** What is asked, and the number that its answer will have; `undefined` for what has none. Each write is one message. */
  readonly asked: (message: Buffer) => Asked | undefined;
  /** Cuts what the host sends into messages. */
  readonly cutter: () => (chunk: Buffer) => Iterable<Message>;
  /** The host's refusal; `turn` takes its turns among several. */
  readonly refusal: (id: number, turn: number) => Buffer;
}

export interface Asked {
  readonly name: string;
  readonly id: number;
}

export interface Message {
  readonly bytes: Buffer;
  /** Of the request that it answers. */
  readonly id: number | undefined;
}

/** Errors as the agent tells them: a full disk, a file that something has open, one without a number of its own. */
const REFUSALS = [
  { id: "System.IO.IOException", category: "WriteError", results: ["0x80070070"] },
  { id: "ObjectInUse", category: "ResourceBusy", results: ["0x80070020"] },
  { id: "OperationFailed", category: "NotSpecified", results: ["0x80131500"] },
] as const;

/** The agent: its body first, then a line of JSON for each request. */
export const agentDialect: Dialect = {
  asked: (message) => {
    if (message[0] !== OPENING) return { name: "the agent", id: 0 };
    const { id, name } = JSON.parse(message.toString("latin1")) as Partial<Asked>;
    return id === undefined || name === undefined || name === "ping" ? undefined : { name, id };
  },
  cutter: () => {
    const lines = new Lines();
    return function* (chunk) {
      for (const line of lines.add(chunk)) yield { bytes: Buffer.from(`${line}\n`, "latin1"), id: answered(line) };
    };
  },
  refusal: (id, turn) =>
    // An agent that does not start says why before it speaks.
    id === 0
      ? Buffer.from("crossvisor ConstrainedLanguage 5.1\n")
      : Buffer.from(
          `${JSON.stringify({ id, error: { ...REFUSALS[turn % REFUSALS.length], command: "Injected", message: "injected" } })}\n`,
        ),
};

const OPENING = "{".charCodeAt(0);

function answered(line: string): number | undefined {
  if (!line.startsWith("{")) return undefined;
  const answer = JSON.parse(line) as Readonly<Record<string, unknown>>;
  return "progress" in answer ? undefined : Number(answer["id"]);
}

/** Packets of SFTP that are asked here, by type (draft-ietf-secsh-filexfer-02). */
const PACKETS: Readonly<Record<number, string>> = { 1: "init", 3: "open", 4: "close", 6: "write" };
const VERSION = 2;

export const sftpDialect: Dialect = {
  asked: (message) => {
    const type = message.readUInt8(4);
    return { name: `sftp ${PACKETS[type]}`, id: type === 1 ? 0 : message.readUInt32BE(5) };
  },
  cutter: () => {
    let rest: Buffer = Buffer.alloc(0);
    return function* (chunk) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
        const end = 4 + rest.readUInt32BE(0);
        const bytes = rest.subarray(0, end);
        yield { bytes, id: bytes.readUInt8(4) === VERSION ? 0 : bytes.readUInt32BE(5) };
        rest = rest.subarray(end);
      }
    };
  },
  // SSH_FX_FAILURE, which is all that OpenSSH's server says of a full disk.
  refusal: (id) => {
    const body = Buffer.alloc(17);
    body.writeUInt8(101, 0);
    body.writeUInt32BE(id, 1);
    body.writeUInt32BE(4, 5);
    return Buffer.concat([Buffer.from([0, 0, 0, body.length]), body]);
  },
};
