import { openHost } from "../../provider/backends/hyperv/host.js";
import { drivers } from "../../provider/backends/hyperv/index.js";
import { Engine } from "../../provider/core/engine.js";
import { kinds } from "../../provider/kinds/index.js";
import { hypervMissing, openHypervHost, type HypervHost as Simulated } from "../../test/hosts/hyperv/host.js";
import { lines } from "../../test/hosts/hyperv/session.js";
import type { Lab } from "../lab.js";
import { interleaved, median, timed } from "../measure.js";
import type { Result } from "../report.js";

/** Numbers of machines that a refresh reads. */
const SIZES = [50, 100, 200];
const PINGS = 100;
const OURS = "our provider in process";

/**
 * What the way to a Hyper-V host costs, on the simulated one: its agent's start and answer, and a refresh of machines with
 * an interface each through an agent that runs. Nearly all of the latter is the simulation's, so it tells how the cost grows,
 * and not what it is on Windows.
 */
export async function hyperv(
  { options: { repeat } }: Pick<Lab, "options">,
  sizes: readonly number[] = SIZES,
): Promise<readonly Result[]> {
  if (hypervMissing() !== undefined) return [];
  const simulated = await openHypervHost();
  try {
    await lines(simulated, "$null = Hyper-V\\New-VMSwitch -Name bench -SwitchType Internal");
    const results = [await agent(simulated, repeat)];
    const machines: string[] = [];
    const values: Record<string, readonly number[]> = {};
    for (const size of sizes) {
      machines.push(...(await make(simulated, machines.length, size)));
      const { [OURS]: seconds = [] } = await interleaved(repeat, { [OURS]: () => refresh(simulated, machines) });
      results.push({ name: `Hyper-V: refresh of ${size}`, unit: "s", values: { [OURS]: seconds } });
      values[`of ${size}`] = seconds.map((one) => (one / size) * 1000);
    }
    return [...results, { name: "Hyper-V: refresh, for each machine", unit: "ms", values, goal: flat(sizes) }];
  } finally {
    await simulated.close();
  }
}

/** The largest host costs for each machine no more than half as much again as the smallest. */
const flat = (sizes: readonly number[]): NonNullable<Result["goal"]> => ({
  text: `of ${sizes.at(-1)} <= 1.5 x of ${sizes[0]}`,
  met: (m) => (m[`of ${sizes.at(-1)}`] ?? Number.NaN) <= 1.5 * (m[`of ${sizes[0]}`] ?? Number.NaN),
});

const connected = ({ user, address, port, privateKey, knownHosts }: Simulated) =>
  openHost({ uri: `hyperv+ssh://${user}@${address}:${port}`, privateKey, knownHosts, sshConfig: "none" });
type Connected = ReturnType<typeof connected>;
const ping = async ({ agent }: Connected): Promise<number> => (await timed(() => agent.request("ping", {}))) * 1000;

/** Milliseconds until one that runs has answered, the middle of many, and until a new one has. */
async function agent(simulated: Simulated, repeat: number): Promise<Result> {
  const starts: number[] = [];
  const pings: number[] = [];
  for (let round = 0; round < repeat; round++) {
    const host = connected(simulated);
    starts.push(await ping(host));
    const { answer = [] } = await interleaved(PINGS, { answer: () => ping(host) });
    pings.push(median(answer));
    await host.close();
  }
  return { name: "Hyper-V: the agent", unit: "ms", values: { "an answer": pings, "start and first answer": starts } };
}

/** Ids of further machines, up to so many, made on the host itself: a creation by us is not what is measured. */
async function make(simulated: Simulated, from: number, to: number): Promise<readonly string[]> {
  const made = await lines(
    simulated,
    `foreach ($i in ${from}..${to - 1}) {
      $machine = Hyper-V\\New-VM -Name "bench-$i" -Generation 2 -MemoryStartupBytes 32MB -NoVHD -SwitchName bench
      [string] $machine.Id
    }`,
  );
  if (made.length !== to - from) throw new Error(`the host made no machines: ${made.at(-1)}`);
  return made;
}

/** Seconds for all of them, on a new connection that stands already. */
async function refresh(simulated: Simulated, machines: readonly string[]): Promise<number> {
  const connection = connected(simulated);
  try {
    await ping(connection);
    const engine = new Engine(kinds.VirtualMachine, drivers.VirtualMachine, { name: "bench", connection });
    return await timed(async () => {
      const read = await Promise.all(machines.map((id) => engine.read(id, {})));
      if (read.some((kept) => kept === undefined)) throw new Error("a machine is gone");
    });
  } finally {
    await connection.close();
  }
}
