import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HypervHost, hypervMissing, openHypervHost, withHyperv } from "./host.js";
import { encoded, execute, lines } from "./session.js";

/** PowerShell that runs each statement and prints the id, category and HRESULT of its error, or `ok`. */
const tried = (statements: readonly string[]): string =>
  statements
    .map(
      (one) =>
        `try { $null = ${one}; 'ok' } catch { $_.FullyQualifiedErrorId.Replace('Microsoft.HyperV.PowerShell.Commands.', '') + ' ' + $_.CategoryInfo.Category + ' ' + $_.Exception.HResult.ToString('X8') }`,
    )
    .join("\n");

describe.skipIf(hypervMissing() !== undefined)(withHyperv("what a Hyper-V host refuses"), () => {
  let host: HypervHost;
  beforeAll(async () => {
    host = await openHypervHost();
    const made = await lines(
      host,
      `foreach ($g in 1, 2) {
        $vm = New-VM -Name "g$g" -Generation $g -MemoryStartupBytes 1GB -Path C:\\vms -NoVHD
        $null = New-VHD -Path "C:\\vms\\g$g.vhdx" -SizeBytes 1GB -Dynamic
        Add-VMHardDiskDrive -VM $vm -Path "C:\\vms\\g$g.vhdx"
      }
      [IO.File]::WriteAllText('C:\\vms\\seed.img', 'x')
      Start-VM -Name g2, g1`,
    );
    expect(made).toEqual([]);
  });
  afterAll(async () => {
    await host?.close();
  });
  const answers = (...statements: string[]): Promise<readonly string[]> => lines(host, tried(statements));

  test("because the machine runs, or is of the other generation", async () => {
    expect(
      await answers(
        "Set-VMProcessor -VMName g2 -Count 2",
        "Set-VMFirmware -VMName g2 -EnableSecureBoot Off",
        "Remove-VM -Name g2 -Force",
        "Set-VMNetworkAdapter -VMName g2 -StaticMacAddress 00155D000001",
        "Add-VMNetworkAdapter -VMName g2 -Name more",
        "Add-VMNetworkAdapter -VMName g1 -Name more",
        "Set-VMMemory -VMName g2 -StartupBytes 2GB",
        "Set-VMMemory -VMName g2 -DynamicMemoryEnabled $true",
        "Rename-VM -Name g2 -NewName g2",
        "Get-VMFirmware -VMName g1",
        "Get-VMBios -VMName g2",
      ),
    ).toEqual([
      "InvalidState,SetVMProcessor InvalidOperation 80070015",
      "InvalidState,SetVMFirmware InvalidOperation 80070015",
      "InvalidState,RemoveVM InvalidOperation 80070015",
      "InvalidState,SetVMNetworkAdapter InvalidOperation 80070015",
      "ok",
      "InvalidState,AddVMNetworkAdapter InvalidOperation 80070015",
      "ok",
      "InvalidState,SetVMMemory InvalidOperation 80070015",
      "ok",
      "VMGenerationNotSupported,GetVMFirmware InvalidArgument 80131500",
      "VMGenerationNotSupported,GetVMBios InvalidArgument 80131500",
    ]);
  });

  test("because it is not there, or there already, or not what is wanted", async () => {
    expect(
      await answers(
        "Get-VM -Name none",
        "Get-VM -Name no*",
        "Get-VM -Id 11111111-1111-1111-1111-111111111111",
        "Get-VMSwitch -Name none",
        "Get-NetNat -Name none",
        "New-VHD -Path C:\\vms\\g1.vhdx -SizeBytes 1GB",
        "Get-VHD -Path C:\\vms\\none.vhdx",
        "Get-VHD -Path C:\\vms\\seed.img",
        "Set-VMDvdDrive -VMName g1 -Path C:\\vms\\seed.img",
        "New-VHD -Path C:\\vms\\odd.vhdx -SizeBytes 100000001",
        "Remove-NetNat -Name none",
      ),
    ).toEqual([
      "InvalidParameter,GetVM InvalidArgument 80131500",
      "ok",
      "InvalidParameter,GetVM InvalidArgument 80131500",
      "InvalidParameter,GetVMSwitch InvalidArgument 80131500",
      "CmdletizationQuery_NotFound,Get-NetNat ObjectNotFound 80131500",
      "OperationFailed,Microsoft.Vhd.PowerShell.Cmdlets.NewVhd ResourceExists 80070050",
      "ObjectNotFound,Microsoft.Vhd.PowerShell.Cmdlets.GetVhd ObjectNotFound 80070002",
      "OperationFailed,Microsoft.Vhd.PowerShell.Cmdlets.GetVhd NotSpecified C03A0014",
      "InvalidParameter,SetVMDvdDrive InvalidArgument 80070057",
      "InvalidParameter,Microsoft.Vhd.PowerShell.Cmdlets.NewVhd InvalidArgument 80070057",
      // It would ask first, and nobody is there to answer.
      expect.not.stringMatching(/^ok/),
    ]);
  });

  test("because a file is in use", async () => {
    await host.set({ locked: ["C:\\vms\\busy.vhdx"] });
    expect(
      await answers(
        "New-VHD -Path C:\\vms\\busy.vhdx -SizeBytes 1GB",
        "Resize-VHD -Path C:\\vms\\g2.vhdx -SizeBytes 2GB",
        "Resize-VHD -Path C:\\vms\\g1.vhdx -SizeBytes 2GB",
        "Optimize-VHD -Path C:\\vms\\g2.vhdx -Mode Full",
        "[IO.File]::OpenRead('C:\\vms\\g2.vhdx')",
        "Remove-Item -LiteralPath C:\\vms\\g2.vhdx",
        "[IO.File]::Exists('C:\\vms\\g2.vhdx')",
      ),
    ).toEqual([
      "ObjectInUse,Microsoft.Vhd.PowerShell.Cmdlets.NewVhd ResourceBusy 80070020",
      "ok",
      "ObjectInUse,Microsoft.Vhd.PowerShell.Cmdlets.ResizeVhd ResourceBusy 80070020",
      "ObjectInUse,Microsoft.Vhd.PowerShell.Cmdlets.OptimizeVhd ResourceBusy 80070020",
      expect.stringMatching(/^(Method|IO)/),
      expect.not.stringMatching(/^ok/),
      "ok",
    ]);
    await host.set({ locked: [] });
  });

  test("because of who asks, or of a service that is stopped", async () => {
    await host.set({ rights: "none" });
    expect(await answers("Get-VM")).toEqual(["AccessDenied,GetVM PermissionDenied 80070005"]);
    await host.set({ rights: "hyper-v" });
    expect(
      await answers("Get-VM", "New-NetNat -Name n -InternalIPInterfaceAddressPrefix 10.0.0.0/24 -Confirm:$false"),
    ).toEqual(["ok", "Windows System Error 5,New-NetNat PermissionDenied 80070005"]);
    const role =
      "(New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())).IsInRole('Administrators')";
    expect(await lines(host, role)).toEqual(["False"]);
    await host.set({ rights: "administrator", service: "stopped" });
    expect(await lines(host, role)).toEqual(["True"]);
    expect(await answers("Get-VM", "Get-VM -Name none", "Get-VHD -Path C:\\vms\\g1.vhdx")).toEqual([
      "ObjectNotFound,GetVM ObjectNotFound 80131500",
      "ObjectNotFound,GetVM ObjectNotFound 80131500",
      "ok",
    ]);
    await host.set({ service: "running" });
  });

  test("because a policy restricts the language", async () => {
    await host.set({ languageMode: "ConstrainedLanguage" });
    const script = "try { [Console]::OpenStandardInput() } catch { $_.FullyQualifiedErrorId }";
    const { output } = await execute(host, encoded(script));
    expect(output.trim()).toBe("MethodInvocationNotSupportedInConstrainedLanguage");
    await host.set({ languageMode: "FullLanguage" });
  });

  test("because a test said so, as often as it said", async () => {
    const error = { id: "Broken", category: "ResourceBusy", message: "busy", hresult: "0x80070034" };
    await host.faults([
      { command: "Get-VMS*", skip: 1, times: 2, error },
      { command: "Set-VM", moment: "after", error },
    ]);
    const broken = "Broken,GetVMSwitch ResourceBusy 80070034";
    expect(await answers("Get-VMSwitch", "Get-VMSwitch")).toEqual(["ok", broken]);
    expect(await answers("Get-VMSwitch", "Get-VMSwitch")).toEqual([broken, "ok"]);
    expect(
      await answers("Set-VM -Name g1 -Notes changed", "if ((Get-VM -Name g1).Notes -ne 'changed') { throw 'x' }"),
    ).toEqual(["Broken,SetVM ResourceBusy 80070034", "ok"]);
    await host.faults([{ command: "Get-VMHost", exit: true }]);
    await expect(lines(host, "'before'; Get-VMHost; 'after'")).resolves.toEqual(["before"]);
    await host.faults([]);
  });
});
