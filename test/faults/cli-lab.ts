import { join } from "node:path";
import { Session } from "../../provider/backends/libvirt/rpc/index.js";
import { domains } from "../../provider/backends/libvirt/rpc/procedures/domain.js";
import { localTransport } from "../../provider/transports/local.js";
import { all } from "../e2e/lab.js";
import { waitFor } from "../hosts/host-folder.js";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";
import { descendants, endAll, isAlive, killPulumi, type Process, providersOf } from "../pulumi/processes.js";
import type { Outcome } from "../pulumi/run.js";
import { openStack, type Stack } from "../pulumi/stack.js";
import { type Inventory, inventory } from "./inventory.js";
import { type Driver, powerOff, wipe } from "./libvirt-lab.js";
import { FaultProxy } from "./proxy.js";

const QUIETLY = ["--non-interactive", "--color=never"];

/** A stack of the real CLI on a private libvirtd, with a proxy between the provider's process and the daemon. */
export class CliLab {
  /** The run of the CLI that faults hit. */
  private cli = 0;
  /** A second ^C is owed once Pulumi has heard the first. */
  private again = false;
  private below: readonly Process[] = [];

  private constructor(
    readonly driver: Driver,
    readonly daemon: LibvirtHost,
    readonly stack: Stack,
    private readonly session: Session,
    readonly proxy: FaultProxy,
    private readonly first: Inventory,
  ) {}

  static async open(driver: Driver): Promise<CliLab> {
    const daemon = await startLibvirtd();
    // What the test driver has lasts as long as somebody is connected.
    const session = new Session({ uri: driver, dial: () => localTransport().connect(daemon.socket) });
    await session.call(domains.list, { flags: 0 });
    let lab: CliLab | undefined;
    const proxy = await FaultProxy.open(daemon.socket, join(daemon.root, "faulty-sock"), {
      kill: () => daemon.kill9(),
      restart: () => daemon.restart(),
      die: () => lab?.killProviders(),
      interrupt: (times) => lab?.interrupt(times),
      quit: () => lab?.quit(),
    });
    const stack = await openStack();
    await stack.config("crossvisor:uri", `${driver}?socket=${proxy.socket}`);
    lab = new CliLab(driver, daemon, stack, session, proxy, await inventory(session, daemon.pools));
    return lab;
  }

  /** One command, whatever comes of it. When it has ended, nothing of it is left. */
  async run(...command: readonly string[]): Promise<Outcome> {
    const yes = command[0] === "preview" ? [] : ["--yes", "--skip-preview"];
    const outcome = await this.stack.run([...command, ...yes, ...QUIETLY], {
      started: (pid) => {
        this.cli = pid;
      },
      seen: (printed, pid) => {
        if (!this.again || !printed.includes("^C received")) return;
        this.again = false;
        process.kill(pid, "SIGINT");
      },
    });
    try {
      await waitFor(
        async () => this.proxy.isIdle || undefined,
        15_000,
        () => `the provider goes on without Pulumi, ${this.alive()}`,
      );
    } finally {
      endAll(this.below);
      this.below = [];
    }
    return outcome;
  }

  /** A command that has to succeed, as a user does it: a lock that a killed Pulumi left is taken away. */
  async well(...command: readonly string[]): Promise<Outcome> {
    let outcome = await this.run(...command);
    if (outcome.code !== 0 && all(outcome).includes("currently locked")) {
      const { code, stderr } = await this.stack.run(["cancel", "--yes"]);
      if (code !== 0) throw new Error(stderr);
      outcome = await this.run(...command);
    }
    if (outcome.code !== 0) throw new Error(`pulumi ${command.join(" ")} failed:\n${all(outcome)}`);
    return outcome;
  }

  inventory(): Promise<Inventory> {
    return inventory(this.session, this.daemon.pools);
  }

  /** Names of the resources in the state, with the paths of volumes, and how many operations Pulumi knows no end of. */
  async state() {
    const { resources, pending } = await this.stack.state();
    const ours = resources.filter(({ type }) => type.includes("crossvisor:"));
    const named = ours.map(({ urn, outputs }) => [urn.split("::").at(-1) ?? urn, outputs["path"]] as const);
    return { names: named.map(([name]) => name), paths: new Map(named), pending: pending.length };
  }

  /** The host as it was at first, and an empty state. */
  async wipe(): Promise<void> {
    await powerOff(this.session, this.first);
    await wipe(this.session, this.first);
    await this.daemon.exec(["find", this.daemon.pools, "-mindepth", "1", "-delete"]);
    await this.stack.run(["cancel", "--yes"]);
    for (const words of [
      ["rm", "--force", "--yes", "--preserve-config"],
      ["init", "test"],
    ])
      await this.stack.run(["stack", ...words, "--non-interactive"]);
  }

  async close(): Promise<void> {
    await this.stack.close();
    await this.session.close();
    await this.proxy.close();
    await this.daemon.stop();
  }

  private alive(): string {
    const left = this.below.filter(({ pid }) => isAlive(pid));
    return `and of its processes ${left.map(({ command }) => command.replaceAll("\0", " ")).join("; ") || "none"} live`;
  }

  private killProviders(): void {
    const providers = providersOf(this.cli);
    if (providers.length === 0) throw new Error("there is no process of the provider to kill");
    endAll(providers);
  }

  private interrupt(times: 1 | 2): void {
    this.below = descendants(this.cli);
    this.again = times === 2;
    process.kill(this.cli, "SIGINT");
  }

  private quit(): void {
    this.below = killPulumi(this.cli);
  }
}
