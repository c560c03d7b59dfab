import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { Client } from "ssh2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../host-folder.js";
import { type HypervHost, hypervMissing, openHypervHost, withHyperv } from "./host.js";
import { encoded, execute, lines } from "./session.js";

const run = promisify(execFile);

describe.skipIf(hypervMissing() !== undefined)(withHyperv("sessions of a Hyper-V host"), () => {
  let host: HypervHost;
  beforeAll(async () => {
    host = await openHypervHost();
  });
  afterAll(async () => {
    await host?.close();
  });

  test("share one state, also when they change it at the same time", async () => {
    const each = (n: number) => `foreach ($i in 1..6) {
      $vm = New-VM -Name "s${n}-$i" -Generation 2 -MemoryStartupBytes 128MB -Path C:\\vms -NoVHD
      Set-VM -VM $vm -Notes 'mine'
      if ($i % 2) { Remove-VM -VM $vm -Force } }`;
    await Promise.all([1, 2, 3].map((n) => lines(host, each(n))));
    const names = await lines(host, 'Get-VM | Sort-Object Name | ForEach-Object { "$($_.Name) $($_.Notes)" }');
    expect(names).toEqual([1, 2, 3].flatMap((n) => [2, 4, 6].map((i) => `s${n}-${i} mine`)));
    const calls = (await host.journal()).filter(({ command }) => command === "New-VM");
    expect(calls).toHaveLength(18);
    await lines(host, "Get-VM | Remove-VM -Force");
  });

  test("see each other's transitions", async () => {
    await host.set({ times: { start: 3_600_000 } });
    await lines(host, "$null = New-VM -Name slow -Generation 2 -MemoryStartupBytes 128MB -NoVHD");
    const starting = lines(host, "Start-VM -Name slow");
    const state = async () => {
      const [first] = await lines(host, '"$((Get-VM -Name slow).State)"');
      return first === "Off" ? undefined : first;
    };
    expect(await waitFor(state, 30_000, () => "it stays off")).toBe("Starting");
    expect(await lines(host, "Stop-VM -Name slow")).toEqual([expect.stringMatching(/^!InvalidState/)]);
    await host.set({ times: { start: 20 } });
    await lines(host, "Stop-VM -Name slow -TurnOff -Force");
    await starting;
    expect(await state()).toBeUndefined();
  });

  test("end with their connection, as under Windows' job object, and lose no state", async () => {
    await host.set({ shutdown: "hangs" });
    await lines(host, "Start-VM -Name slow");
    const stopping = execute(host, encoded("Stop-VM -Name slow -Force"));
    const state = async () => {
      const [first] = await lines(host, '"$((Get-VM -Name slow).State)"');
      return first === "Stopping" ? true : undefined;
    };
    await waitFor(state, 30_000, () => "it does not stop");
    host.cut();
    expect((await stopping).code).toBe(255);
    expect(await lines(host, 'Stop-VM -Name slow -TurnOff -Force; "$((Get-VM -Name slow).State)"')).toEqual(["Off"]);
    await host.set({ shutdown: "obeys" });
  });

  test("make disks that qemu-img takes for sound, and that grow", async () => {
    const seen = await lines(
      host,
      `$null = New-Item -ItemType Directory C:\\d
      $null = New-VHD -Path C:\\d\\dynamic.vhdx -SizeBytes 40GB -Dynamic
      $null = New-VHD -Path C:\\d\\fine.vhdx -SizeBytes 100GB -Dynamic -BlockSizeBytes 1MB
      $null = New-VHD -Path C:\\d\\fixed.vhdx -SizeBytes 100MB -Fixed
      Resize-VHD C:\\d\\fine.vhdx -SizeBytes 500GB
      Resize-VHD C:\\d\\fixed.vhdx -SizeBytes 300MB
      Get-ChildItem C:\\d\\*.vhdx | Sort-Object Name | ForEach-Object { $v = Get-VHD $_.FullName; "$($v.VhdType) $($v.Size) $($v.BlockSize)" }`,
    );
    expect(seen).toEqual(["Dynamic 42949672960 33554432", "Dynamic 536870912000 1048576", "Fixed 314572800 33554432"]);
    for (const [name, size] of [
      ["dynamic", 40 * 2 ** 30],
      ["fine", 500 * 2 ** 30],
      ["fixed", 300 * 2 ** 20],
    ] as const) {
      const file = host.path(`C:\\d\\${name}.vhdx`);
      await run("qemu-img", ["check", file]);
      await run("qemu-io", ["-c", `write -P 7 ${size - 65536} 64k`, file]);
      await run("qemu-img", ["check", file]);
      const { stdout } = await run("qemu-img", ["info", "--output=json", file]);
      expect(JSON.parse(stdout)).toMatchObject({ format: "vhdx", "virtual-size": size });
    }
  });

  test("put checkpoints over disks, and merge them after a while", async () => {
    await host.set({ times: { merge: 3_600_000 } });
    const [before, during] = await lines(
      host,
      `$vm = Get-VM -Name slow
      Add-VMHardDiskDrive -VM $vm -Path C:\\d\\dynamic.vhdx
      $null = New-VHD -Path C:\\d\\child.vhdx -ParentPath C:\\d\\dynamic.vhdx -Differencing -SizeBytes 50GB
      $one = Checkpoint-VM -VM $vm -SnapshotName one -Passthru
      $two = Checkpoint-VM -VM $vm -SnapshotName two -Passthru
      $path = (Get-VMHardDiskDrive -VM $vm).Path
      "$((Get-VHD (Get-VHD $path).ParentPath).ParentPath) $($two.ParentSnapshotName)"
      Remove-VMSnapshot -VMSnapshot $one -IncludeAllChildSnapshots
      "$((Get-VM -Name slow).Status) $((Get-VMHardDiskDrive -VM $vm).Path -like '*.avhdx') $(@(Get-VMSnapshot -VM $vm).Count)"`,
    );
    expect(before).toBe("C:\\d\\dynamic.vhdx one");
    expect(during).toBe("Merging disks True 0");
    await host.set({ times: { merge: 0 } });
  });

  test("carry files by sftp as Windows does", async () => {
    const client = new Client();
    const ready = once(client, "ready");
    client.connect({ host: host.address, port: host.port, username: host.user, privateKey: host.privateKey });
    await ready;
    try {
      const open = promisify(client.sftp.bind(client));
      const sftp = await open();
      const done = <T>(start: (end: (error: Error | undefined | null, value?: T) => void) => void) =>
        new Promise<T | undefined>((resolve, reject) => {
          start((error, value) => (error ? reject(error) : resolve(value)));
        });
      expect(await done<string>((end) => sftp.realpath(".", end))).toBe("/C:/Users/Administrator");
      expect(await done<string>((end) => sftp.realpath("C:\\Windows\\..\\Users", end))).toBe("/C:/Users");
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
      await done((end) => sftp.mkdir("C:/up", end));
      await done((end) => sftp.writeFile("/c:/UP/one.bin", bytes, end));
      await done((end) => sftp.rename("C:\\up\\one.bin", "C:/up/two words.bin", end));
      expect(await readFile(host.path("C:\\up\\two words.bin"))).toEqual(bytes);
    } finally {
      client.end();
    }
  });
});

describe.skipIf(hypervMissing() !== undefined)(withHyperv("other Hyper-V hosts"), () => {
  const seenOn = async (options: Parameters<typeof openHypervHost>[0], script: string): Promise<readonly string[]> => {
    const host = await openHypervHost(options);
    try {
      return await lines(host, script);
    } finally {
      await host.close();
    }
  };

  test("may have no module, no sftp, or be a client's Windows", async () => {
    const host = await openHypervHost({ module: "absent", sftp: false });
    try {
      expect(await lines(host, "Get-VM")).toEqual(["!CommandNotFoundException ObjectNotFound 0x80131501"]);
      const options = ["-i", host.keyPath, "-P", String(host.port), "-o", "StrictHostKeyChecking=no"];
      await expect(
        run("sftp", [...options, "-o", "UserKnownHostsFile=/dev/null", `${host.user}@127.0.0.1`]),
      ).rejects.toThrow("subsystem request failed");
    } finally {
      await host.close();
    }
    const client = `$vm = New-VM -Name a -NoVHD; "$($vm.AutomaticCheckpointsEnabled) $([bool](Get-Command Get-WindowsFeature -ErrorAction SilentlyContinue))"`;
    expect(await seenOn({ sku: "client" }, client)).toEqual(["True False"]);
  });
});
