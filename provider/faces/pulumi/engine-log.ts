import { createRequire } from "node:module";

/** A line for the person who runs Pulumi. `urn` puts it at its resource in every display, and into `--json`. */
export type Say = (line: string, urn?: string, severity?: "info" | "warning") => Promise<void>;

interface LogRequest {
  setSeverity(severity: number): void;
  setMessage(message: string): void;
  setUrn(urn: string): void;
}
interface EngineModules {
  readonly LogRequest: new () => LogRequest;
  readonly client: { log(request: LogRequest, done: (error: unknown) => void): void };
}

/** `LogSeverity` in pulumi/engine.proto. */
const SEVERITY = { info: 1, warning: 2 } as const;

/**
 * Speaks through the engine's own log service, because a line on stdout stands at no resource. `argv` is the dynamic
 * provider process's: node, its script (beside which Pulumi's own modules lie) and the engine's address. Where that
 * leads nowhere, stdout is used.
 */
export function engineLog(argv: readonly string[], print: (line: string) => void = console.log): Say {
  const [, script, address] = argv;
  let modules: EngineModules | undefined;
  let broken = false;
  return async (line, urn, severity = "info") => {
    if (broken || urn === undefined || script === undefined || address === undefined) return print(line);
    try {
      modules ??= connect(script, address);
      await send(modules, { line, urn, severity });
    } catch {
      broken = true;
      print(line);
    }
  };
}

function connect(script: string, address: string): EngineModules {
  // The copies that the process has loaded already; also where packages see only their direct dependencies.
  const pulumi = createRequire(script);
  const grpc = pulumi("@grpc/grpc-js") as { readonly credentials: { createInsecure(): unknown } };
  const services = pulumi("../../proto/engine_grpc_pb") as {
    readonly EngineClient: new (address: string, credentials: unknown) => EngineModules["client"];
  };
  const messages = pulumi("../../proto/engine_pb") as Pick<EngineModules, "LogRequest">;
  return {
    LogRequest: messages.LogRequest,
    client: new services.EngineClient(address, grpc.credentials.createInsecure()),
  };
}

const send = (
  { LogRequest, client }: EngineModules,
  { line, urn, severity }: { readonly line: string; readonly urn: string; readonly severity: keyof typeof SEVERITY },
) =>
  new Promise<void>((resolve, reject) => {
    const request = new LogRequest();
    request.setSeverity(SEVERITY[severity]);
    request.setMessage(line);
    request.setUrn(urn);
    client.log(request, (error) => (error ? reject(error) : resolve()));
  });
