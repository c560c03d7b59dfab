import { hostOver, openHost } from "../../provider/backends/hyperv/host.js";
import { hypervOver } from "../../provider/backends/hyperv/index.js";
import { hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import { parseUri } from "../../provider/backends/hyperv/uri.js";
import { waitFor } from "../hosts/host-folder.js";
import { type Fault as CommandTrouble, type HypervHost, openHypervHost } from "../hosts/hyperv/host.js";
import { sessionProcesses } from "../hosts/hyperv/processes.js";
import { type AnyFault, COMMAND_FAULTS, type CommandFault, type RequestFault } from "./faults.js";
import { hypervInventory } from "./hyperv-inventory.js";
import { HypervTap } from "./hyperv-tap.js";
import type { Injector, Lab } from "./lab.js";
import { ProviderProcess, Stack } from "./pulumi.js";
import { tcpProxy } from "./tcp.js";

/** What never answers is given up soon, but not before a busy machine has had several times what it took undisturbed. */
const impatient = (slowestMs: number) => {
  const ms = 2000 + 4 * slowestMs;
  return { openingMs: ms, readMs: ms, changeMs: ms, workMs: ms, sshKeepaliveMs: 2000 };
};

export interface HypervLab extends Lab {
  readonly simulated: HypervHost;
}

/** A simulated Hyper-V host behind a proxy. */
export async function openHypervLab(): Promise<HypervLab> {
  const simulated = await openHypervHost({ features: ["DHCP"] });
  const { user, address, privateKey, root } = simulated;
  const proxy = await tcpProxy(simulated.port);
  let current: ProviderProcess | undefined;
  const tap = new HypervTap({
    cut: proxy.cut,
    silence: proxy.silence,
    die: () => {
      proxy.refuse();
      current?.die();
    },
    interrupt: () => current?.interrupt(),
    kill: (program) => void kill(program),
  });
  const config = {
    "crossvisor:uri": `hyperv+ssh://${user}@${address}:${proxy.port}?no_verify=1`,
    "crossvisor:privateKey": privateKey,
    "crossvisor:sshConfig": "none",
  };
  // What nothing happens to has one agent for all: a PowerShell takes seconds to start.
  const direct = `hyperv+ssh://${user}@${address}:${simulated.port}?no_verify=1`;
  const calm = openHost({ uri: direct, privateKey, sshConfig: "none" });
  await hostInventory(calm.agent);
  const spared = new Set((await sessionProcesses(root)).map(({ pid }) => pid));
  const others = async () => (await sessionProcesses(root)).filter(({ pid }) => !spared.has(pid));
  const kill = async (program: "agent" | "sftp") => {
    for (const one of await others()) if (one.program === program) end(one.pid);
  };
  const calmBackend = hypervOver(({ uri }) => ({
    ...hostOver({ uri: parseUri(uri), agent: calm.agent, way: calm.way }),
    close: async () => undefined,
  }));
  const stack = { now: new Stack() };
  return {
    driver: "hyperv",
    simulated,
    faults: injector(simulated, tap),
    get stack() {
      return stack.now;
    },
    process: (patience) => {
      const limits = patience === "patient" ? {} : impatient(tap.slowest);
      const backend = hypervOver((settings) => openHost(settings, { through: tap.through, limits }));
      current = new ProviderProcess(config, async (at) => backend.host(at));
      return current;
    },
    calmly: async (step) => {
      const process = new ProviderProcess(config, async (at) => calmBackend.host(at));
      try {
        return await step(process);
      } finally {
        await process.close();
      }
    },
    heal: async () => {
      tap.arm();
      await simulated.faults([]);
      proxy.heal();
      const nobody = async () => ((await others()).length === 0 ? true : undefined);
      await waitFor(nobody, 30_000, () => "a session of the host does not end");
    },
    inventory: () => hypervInventory(root),
    file: (path) => simulated.path(path),
    // Guests obey here.
    powerOff: async () => undefined,
    wipe: async () => {
      await simulated.reset();
      stack.now = new Stack();
    },
    close: async () => {
      await calm.close();
      proxy.close();
      await simulated.close();
    },
  };
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

const isOfCommands = (fault: AnyFault): fault is CommandFault => (COMMAND_FAULTS as readonly string[]).includes(fault);

/** Faults at requests happen on our side of the way, those at commands inside of the host. */
function injector(host: HypervHost, tap: HypervTap): Injector {
  let begun = 0;
  let skipped: number | undefined;
  return {
    arm: async (wanted) => {
      skipped = undefined;
      if (wanted !== undefined && isOfCommands(wanted.fault)) {
        const [command = "", count = ""] = wanted.point.split(" ");
        skipped = Number(count);
        tap.arm(undefined, Number.POSITIVE_INFINITY);
        return host.faults([{ command, skip: skipped, ...TROUBLES[wanted.fault] }]);
      }
      tap.arm(wanted?.fault as RequestFault | undefined, wanted?.at);
      if (wanted === undefined) begun = (await host.journal()).length;
    },
    points: async () => {
      const requests = [...tap.points];
      const commands = counted((await host.journal()).slice(begun).map(({ command }) => command));
      return (fault) => (isOfCommands(fault) ? commands : requests);
    },
    fired: async () => (skipped === undefined ? tap.fired : (await host.met(0)) > skipped),
  };
}

const TROUBLES: Readonly<Record<CommandFault, Omit<CommandTrouble, "command">>> = {
  "killed before a command": { exit: true },
  "killed after a command": { exit: true, moment: "after" },
  "disk full": {
    error: {
      id: "OperationFailed",
      category: "NotSpecified",
      message: "There is not enough space on the disk.",
      hresult: "0x80070070",
    },
  },
};

/** Those that change something, each with how many of its name were before it. */
function counted(commands: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return commands.flatMap((command) => {
    const before = seen.get(command) ?? 0;
    seen.set(command, before + 1);
    return /^(Get|Test)-/.test(command) ? [] : [`${command} ${before}`];
  });
}
