import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { seed } from "../../../provider/media/nocloud.js";
import { guestImage, guestRequirements } from "../guest.js";
import { waitFor } from "../host-folder.js";
import { bootMissing } from "./boot.js";
import { openHypervHost, withHyperv } from "./host.js";
import { lines } from "./session.js";

const missing = bootMissing() ?? guestRequirements();

describe.skipIf(missing !== undefined)(withHyperv("a guest of a Hyper-V host", missing), () => {
  test("boots from its VHDX and its seed, has the address that the seed gave, and shuts down when asked", async () => {
    const host = await openHypervHost({ boot: true });
    try {
      const image = await guestImage();
      await lines(host, "$null = New-Item -ItemType Directory 'C:\\my vms'");
      await promisify(execFile)("qemu-img", ["convert", "-O", "vhdx", image, host.path("C:\\my vms\\disk.vhdx")]);
      const network = `version: 2\nethernets:\n  lan:\n    match: {macaddress: "00:15:5d:0a:0b:0c"}\n    addresses: [10.9.8.7/24]\n`;
      await writeFile(
        host.path("C:\\my vms\\seed.iso"),
        seed({ instanceId: "i", hostname: "guest1", userData: "", networkConfig: network }),
      );
      const [state] = await lines(
        host,
        `$switch = New-VMSwitch -Name lan -SwitchType Internal
        do { $nic = Get-NetAdapter | Where-Object { $_.Name -eq 'vEthernet (lan)' } } until ($nic)
        $null = New-NetIPAddress -InterfaceIndex $nic.ifIndex -IPAddress 10.9.8.1 -PrefixLength 24
        $vm = New-VM -Name guest1 -Generation 1 -MemoryStartupBytes 128MB -Path C:\\vms -NoVHD
        Remove-VMNetworkAdapter -VM $vm
        Add-VMNetworkAdapter -VM $vm -Name eth -SwitchName lan -StaticMacAddress 00155D0A0B0C
        Add-VMHardDiskDrive -VM $vm -ControllerType IDE -ControllerNumber 0 -ControllerLocation 0 -Path 'C:\\my vms\\disk.vhdx'
        Set-VMDvdDrive -VMName guest1 -Path 'C:\\my vms\\seed.iso'
        Start-VM -VM $vm
        "$((Get-VM -Name guest1).State)"`,
      );
      expect(state).toBe("Running");
      const page = () =>
        host.get("http://10.9.8.7/hostname").then(
          (text) => text.trim(),
          () => undefined,
        );
      expect(await waitFor(page, 90_000, () => "the guest does not answer")).toBe("guest1");
      const address = async () => {
        const [first] = await lines(host, '"$((Get-VMNetworkAdapter -VMName guest1).IPAddresses)"');
        return first === "10.9.8.7" ? first : undefined;
      };
      expect(await waitFor(address, 30_000, () => "no address is told")).toBe("10.9.8.7");
      expect(await lines(host, 'Stop-VM -Name guest1 -Force; "$((Get-VM -Name guest1).State)"')).toEqual(["Off"]);
      await expect(host.get("http://10.9.8.7/hostname")).rejects.toThrow();
    } finally {
      await host.close();
    }
  }, 240_000);
});
