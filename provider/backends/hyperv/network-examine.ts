import { ProviderError } from "../../core/errors.js";
import type { Problem } from "../../core/kind.js";
import { overlaps, parseCidr } from "../../kinds/address.js";
import type { HypervHost } from "./host.js";
import { dhcpProblems } from "./network-dhcp.js";
import { cidrOf, readMark, switchNamed } from "./network-mark.js";
import type { NetworkInputs, NetworkObserved } from "./network-types.js";
import { type Fault, reasonOf } from "./refuse.js";
import { hostAdapters } from "./requests/switch.js";
import type { SwitchView } from "./view.js";

/** What the host knows to be wrong with a declaration. */
export async function networkProblems(
  host: HypervHost,
  wanted: Partial<NetworkInputs>,
  now: NetworkObserved | undefined,
): Promise<readonly Problem[]> {
  const view = await host.view();
  const { switches, nats } = view;
  const { adopt, name, owner } = wanted;
  const others = switches.filter(({ id }) => id !== now?.id);
  if (now === undefined && adopt !== undefined) {
    const found = switchNamed(switches, adopt);
    return found === undefined ? [{ path: "adopt", reason: noSwitch(adopt) }] : [];
  }
  const twin = others.find((s) => s.name === name);
  const mine = twin !== undefined && now === undefined && readMark(twin.notes).mark?.owner === (owner ?? "");
  if (mine) return [];
  const taken: Problem[] =
    twin === undefined
      ? []
      : [
          {
            path: "name",
            reason: `"${name}" is a switch of the host already and belongs to somebody else: choose another name, or set \`adopt\` to its name to take it over`,
          },
        ];
  return [
    ...taken,
    ...overlapping(wanted, others, now === undefined ? nats : []),
    ...dhcpProblems(wanted, view, now?.id),
    ...(await bridgeProblems(host, wanted, now, others)),
  ];
}

function overlapping(
  { cidr, mode }: Partial<NetworkInputs>,
  others: readonly SwitchView[],
  nats: readonly { readonly name: string; readonly prefix: string }[],
): readonly Problem[] {
  const mine = cidr === undefined ? undefined : parseCidr(cidr);
  if (mine === undefined) return [];
  const hits = (other: string | undefined) => {
    const parsed = other === undefined ? undefined : parseCidr(other);
    return parsed !== undefined && overlaps(mine, parsed);
  };
  const found = others.find((s) => hits(cidrOf(s)));
  if (found !== undefined)
    return [
      { path: "cidr", reason: `overlaps with ${cidrOf(found)} of the switch "${found.name}": choose another one` },
    ];
  const nat = mode === "nat" ? nats.find(({ prefix }) => hits(prefix)) : undefined;
  return nat === undefined
    ? []
    : [{ path: "cidr", reason: `overlaps with ${nat.prefix} of the host's NAT "${nat.name}": choose another one` }];
}

/**
 * A network adapter that becomes part of a switch, or of none any more, takes the host's connections down for a moment.
 * It must be one of the host that no other switch has.
 */
async function bridgeProblems(
  host: HypervHost,
  { mode, bridge, allowInterruption }: Partial<NetworkInputs>,
  now: NetworkObserved | undefined,
  others: readonly SwitchView[],
): Promise<readonly Problem[]> {
  const was = now?.properties.mode === "bridged" ? now.properties.bridge : undefined;
  if (mode === undefined || (mode === "bridged" ? bridge === undefined || bridge === was : was === undefined))
    return [];
  if (allowInterruption === false) return [{ path: "allowInterruption", reason: INTERRUPTS }];
  if (mode !== "bridged" || bridge === undefined) return [];
  const reason = (fault: Fault): readonly Problem[] => [{ path: "bridge", reason: reasonOf(fault) }];
  if (!(await hostAdapters(host.agent)).includes(bridge))
    return reason({
      fact: `"${bridge}" is no network adapter of the host`,
      hint: "Name one that `Get-NetAdapter` shows.",
    });
  const user = others.find(({ adapters }) => adapters.includes(bridge));
  return user === undefined
    ? []
    : reason({
        fact: `"${bridge}" is in the switch "${user.name}" already`,
        hint: `Name another network adapter, or set \`adopt\` to "${user.name}" to take the switch over.`,
      });
}

const INTERRUPTS =
  "must be true: a network adapter that becomes a bridge, or is given back, breaks the host's own connections off for some seconds, this one perhaps too";

const noSwitch = (word: string): string =>
  `there is no switch "${word}" on the host: give the name or id of one that \`Get-VMSwitch\` shows`;

/** The switch that `adopt` names. */
export async function existingSwitch(host: HypervHost, word: string): Promise<SwitchView> {
  const found = switchNamed((await host.view()).switches, word);
  if (found !== undefined) return found;
  throw new ProviderError("not-found", noSwitch(word), { where: { property: "adopt" } });
}
