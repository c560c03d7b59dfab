import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type HypervOptions, hypervMissing, openHypervHost, withHyperv } from "./host.js";
import { recipesScript } from "./recipes-script.js";
import { lines } from "./session.js";

type Call = readonly [name: string, parameters: readonly string[]];
const { resolve, refused } = JSON.parse(readFileSync(join(__dirname, "recipes.json"), "utf8")) as {
  readonly resolve: readonly Call[];
  readonly refused: readonly Call[];
};

/** PowerShell that tells of each call in which parameter sets it binds: `NAME PARAMETERS | SETS`. */
const bindings = (calls: readonly Call[]): string => `
foreach ($call in (ConvertFrom-Json '${JSON.stringify(calls)}')) {
  $wanted = @($call[1])
  $command = Get-Command $call[0] -ErrorAction SilentlyContinue
  if (-not $command) { "$($call[0]) $wanted | absent"; continue }
  $sets = foreach ($set in $command.ParameterSets) {
    $names = @(foreach ($p in $set.Parameters) { $p.Name; $p.Aliases })
    $needed = @($set.Parameters | Where-Object { $_.IsMandatory } | ForEach-Object { $_.Name })
    if (-not @($wanted | Where-Object { $names -notcontains $_ }).Count -and -not @($needed | Where-Object { $wanted -notcontains $_ }).Count) { $set.Name }
  }
  "$($call[0]) $wanted | $sets"
}`;

const withHost = async (options: HypervOptions, script: string): Promise<readonly string[]> => {
  const host = await openHypervHost(options);
  try {
    return await lines(host, script);
  } finally {
    await host.close();
  }
};

/** Commands whose documentation begins with 2022. */
const since2022 = /^(Get-WindowsFeature|New-SmbGlobalMapping) /;

describe.skipIf(hypervMissing() !== undefined)(withHyperv("commands of a Hyper-V host"), () => {
  test.each(["2016", "2019", "2022", "2025"] as const)("bind as documented on %s", async (version) => {
    const all = await withHost({ version, features: ["DHCP"] }, bindings([...resolve, ...refused]));
    expect(all).toHaveLength(resolve.length + refused.length);
    const unbound = all.slice(0, resolve.length).filter((line) => / \|( absent)?$/.test(line));
    const young = version === "2016" || version === "2019";
    expect(unbound.filter((line) => !(young && since2022.test(line)))).toEqual([]);
    const wrong = all.slice(resolve.length).filter((line) => !line.endsWith(" |"));
    // On a real 2016 host the switch is not there, though the page of that version has it.
    expect(wrong).toEqual(version === "2016" ? [] : [expect.stringMatching(/^Set-VM VM AutomaticCheckpointsEnabled/)]);
  });

  test("all run, one after the other", async () => {
    const host = await openHypervHost({ features: ["DHCP"] });
    try {
      const [end, failure] = (await lines(host, recipesScript)).slice(-2);
      expect([end, failure]).toEqual(["end", expect.stringMatching(/^!Add-ClusterVirtualMachineRole/)]);
      const known = new Set(["Confirm", "ErrorAction", "WhatIf"]);
      const key = (name: string, parameters: readonly string[]): string =>
        [name, ...parameters.filter((one) => !known.has(one)).sort()].join(" ");
      const called = new Set((await host.journal()).map((entry) => key(entry.command, Object.keys(entry.parameters))));
      expect(resolve.map(([name, parameters]) => key(name, parameters)).filter((one) => !called.has(one))).toEqual([]);
    } finally {
      await host.close();
    }
  });
});
