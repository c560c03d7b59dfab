import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HypervHost, hypervMissing, openHypervHost, withHyperv } from "./host.js";
import { encoded, execute, lines } from "./session.js";

const missing = hypervMissing();

describe.skipIf(missing !== undefined)(withHyperv("a Hyper-V host"), () => {
  let host: HypervHost;
  beforeAll(async () => {
    host = await openHypervHost();
  });
  afterAll(async () => {
    await host?.close();
  });
  const run = (script: string): Promise<readonly string[]> => lines(host, script);

  test("makes, starts, stops and removes a machine, and writes down each call", async () => {
    const seen = await run(`
      $vm = Hyper-V\\New-VM -Name web -Generation 2 -MemoryStartupBytes 1GB -Path C:\\vms -NoVHD
      "$($vm.Name) $($vm.State) $([int]$vm.State) $($vm.Path) $($vm.Version)"
      "$((Get-VMNetworkAdapter -VM $vm).MacAddress)"
      Start-VM -VM $vm
      $now = Get-VM -Id $vm.Id
      "$($now.State) $((Get-VMNetworkAdapter -VM $vm).MacAddress)"
      Stop-VM -VM $vm -Force
      "$((Get-VM -Id $vm.Id).State)"
      Remove-VM -VM $vm -Force
      Get-VM -Id $vm.Id`);
    expect(seen).toEqual([
      "web Off 3 C:\\vms\\web 12.0",
      "000000000000",
      "Running 00155D010000",
      "Off",
      "!InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM InvalidArgument 0x80131500",
    ]);
    const calls = (await host.journal()).map(({ command, result }) => `${command} ${result}`);
    expect(calls.slice(0, 3)).toEqual(["New-VM ok", "Get-VMNetworkAdapter ok", "Start-VM ok"]);
    expect(calls.at(-1)).toBe("Get-VM InvalidParameter");
  });

  test("takes commands as cmd does", async () => {
    const answer = async (command: string) => {
      const { output, errors, code } = await execute(host, command);
      return [output.trim(), errors.trim(), code];
    };
    const system = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";
    expect(await answer(`${system} -NoProfile -Command "'a b' + \\"c\\""`)).toEqual(["a bc", "", 0]);
    expect(await answer(`%SystemRoot%${system.slice(10)} -Command exit 3`)).toEqual(["", "", 3]);
    expect(await answer("nonsense /x")).toEqual([
      "",
      "'nonsense' is not recognized as an internal or external command,\r\noperable program or batch file.",
      1,
    ]);
    expect(await answer(`echo ${"x".repeat(8200)}`)).toEqual(["", "The command line is too long.", 1]);
  });

  test("can have PowerShell as the default shell, and noise before the output", async () => {
    await host.set({ defaultShell: "powershell", noise: "Welcome!" });
    try {
      expect((await execute(host, "1 + 1; $PSVersionTable.PSVersion.Major")).output.split(/\r?\n/)).toEqual([
        "Welcome!",
        "2",
        "5",
        "",
      ]);
      expect((await execute(host, encoded("6 * 7"))).output).toContain("42");
    } finally {
      await host.set({ defaultShell: "cmd", noise: "" });
    }
  });
});
