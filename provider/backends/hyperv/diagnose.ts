import { placed } from "../../core/errors.js";
import type { Finding, Look } from "../../core/finding.js";
import { showBytes } from "../../core/units.js";
import type { HypervHost } from "./host.js";
import { type HostFacts, hostFacts } from "./requests/host.js";

/** First builds of the versions of Windows Server that are known (Microsoft's list of releases). */
const SERVERS: readonly (readonly [number, string])[] = [
  [26100, "2025"],
  [20348, "2022"],
  [17763, "2019"],
  [14393, "2016"],
];

/** What the host has of what declarations need. One request; nothing is tried. */
export async function diagnose(host: HypervHost, { signal }: Look): Promise<readonly Finding[]> {
  try {
    const facts = await hostFacts(host.agent, { signal });
    return [reached(facts), rights(facts), role(facts), ...capacity(facts), ...networks(facts)];
  } catch (error) {
    const { fact, hint } = placed(error, {});
    return [{ topic: "reach", level: "problem", found: fact, remedy: hint }];
  }
}

function reached({ build, server, powershell, user, computer }: HostFacts): Finding {
  const version = SERVERS.find(([first]) => build >= first)?.[1];
  const system = server && version !== undefined ? `Windows Server ${version}` : `Windows, build ${build}`;
  const old = build < 14393;
  return {
    topic: "reach",
    level: old ? "warning" : "ok",
    found: `${computer} answers: ${system}, PowerShell ${powershell}, logged in as ${user}`,
    ...(old ? { means: "Only Windows Server 2016, Windows 10 and newer ones are known." } : {}),
  };
}

function rights({ state }: HostFacts): Finding {
  if (state.administrator) return { topic: "rights", level: "ok", found: "the login is an administrator" };
  if (state.hyperVAdministrator)
    return {
      topic: "rights",
      level: "warning",
      found: "the login is one of the Hyper-V Administrators, and no administrator",
      means:
        "Machines, disks and switches can be managed; networks with NAT and files outside Hyper-V's folders cannot.",
      remedy: "Log in as an administrator where those are needed.",
    };
  return {
    topic: "rights",
    level: "problem",
    found: "the login is neither an administrator nor one of the Hyper-V Administrators",
    means: "Nothing can be managed.",
    remedy: "Add the user to the group and log in again.",
    commands: ['Add-LocalGroupMember -SID S-1-5-32-578 -Member "DOMAIN\\user"'],
  };
}

function role({ state, hyperV, error, server }: HostFacts): Finding {
  const topic = "Hyper-V";
  const install = server
    ? "Install-WindowsFeature Hyper-V -IncludeManagementTools -Restart"
    : "Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All";
  if (!state.module || state.vmms === "Absent")
    return {
      topic,
      level: "problem",
      found: state.module ? "the role Hyper-V is not installed" : "the PowerShell module Hyper-V is not installed",
      remedy: "Install the role with its management tools; the host starts anew.",
      commands: [install],
    };
  if (state.vmms !== "Running" && state.vmms !== "Unknown")
    return {
      topic,
      level: "problem",
      found: `the service vmms is ${state.vmms.toLowerCase()}`,
      remedy: "Start it.",
      commands: ["Start-Service vmms"],
    };
  if (hyperV === undefined)
    return { topic, level: "problem", found: error?.fact ?? "it does not answer", remedy: error?.hint };
  return { topic, level: "ok", found: `it answers, module ${hyperV.module}` };
}

function capacity({ hyperV }: HostFacts): readonly Finding[] {
  if (hyperV === undefined) return [];
  const { processors, memory, machinePath, diskPath } = hyperV;
  return [
    { topic: "machine", level: "note", found: `${processors} processors, ${showBytes(memory)} of memory` },
    { topic: "folders", level: "note", found: `machines in ${machinePath}, the pool "default" in ${diskPath}` },
  ];
}

function networks({ nat, hyperV }: HostFacts): readonly Finding[] {
  const defaultSwitch: readonly Finding[] = hyperV?.defaultSwitch
    ? [
        {
          topic: "networks",
          level: "note",
          found: 'there is a "Default Switch"',
          means: "Its network changes when the host starts; declare one of your own for fixed addresses.",
        },
      ]
    : [];
  return nat
    ? [{ topic: "networks", level: "ok", found: "NAT can be set up" }, ...defaultSwitch]
    : [
        {
          topic: "networks",
          level: "warning",
          found: "the PowerShell module NetNat is not there",
          means: 'Networks of mode "nat" cannot be made.',
        },
        ...defaultSwitch,
      ];
}
