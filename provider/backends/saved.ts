import { differences, project } from "../core/compare.js";
import type { InputsOf, Problem } from "../core/kind.js";
import { VirtualMachine } from "../kinds/virtual-machine.js";

type Properties = Partial<InputsOf<typeof VirtualMachine>>;

/** The first property of a machine that would change, beside these. */
export const firstChange = (wanted: Properties, now: Properties, beside: ReadonlySet<string>): string | undefined =>
  differences(VirtualMachine.properties, project(VirtualMachine.properties, wanted, now), wanted).find(
    ({ property }) => !beside.has(property),
  )?.property;

/** Why a property cannot change of a machine that was saved and goes on as it was, with the host's commands that help. */
export const savedProblem = (path: string, start: string, drop: string): Problem => ({
  path,
  reason: `cannot change while the state of the running guest is saved: start the machine first (${start}), or drop what was saved (${drop})`,
});
