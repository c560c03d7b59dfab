import { execFileSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/hyperv/host.js";
import { hyperv } from "../../provider/backends/hyperv/index.js";
import { hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import type { OpenHost } from "../../provider/core/engine.js";
import { PartialFailure } from "../../provider/core/engine.js";
import { ProviderError, sentence } from "../../provider/core/errors.js";
import type { KindName } from "../../provider/kinds/index.js";
import { type Declared, step } from "../contract/stand.js";
import { type HypervHost, hypervMissing, openHypervHost, withHyperv } from "../hosts/hyperv/host.js";
import { lines } from "../hosts/hyperv/session.js";
import { WORDS, type Words } from "./bad-input.js";
import { ATTEMPT, BASE, CHANGES, HOST, LIMITS, MAC } from "./bad-input-hyperv.js";

describe.skipIf(hypervMissing() !== undefined)(withHyperv("bad input on a Hyper-V host"), () => {
  let lab: HypervHost;
  let host: OpenHost;
  /** Looks at the host for the tests. */
  let reader: ReturnType<typeof openHost>;
  const given = (kind: KindName, words: Words) => {
    const all = { owner: "e2e/bad", name: "mine", ...BASE[kind], ...words };
    const kept = Object.entries(all).filter(([, value]) => value !== undefined);
    return Object.fromEntries(
      kept.map(([key, value]) => [key, value === "IMAGE" ? join(lab.root, "image.qcow2") : value]),
    );
  };
  const check = (kind: KindName, words: Words) => host.engine(kind).check(given(kind, words));
  const make = (kind: KindName, words: Words) =>
    host.engine(kind).create(check(kind, words).inputs as Declared, step());
  /** All files of the host's drive, and all that it tells; free space changes by itself. */
  const everything = async (): Promise<readonly string[]> => {
    const files = await readdir(join(lab.root, "C"), { recursive: true });
    const told = JSON.stringify(await hostInventory(reader.agent), (key, value) => (key === "available" ? 0 : value));
    return [...files.sort(), told];
  };
  /** Commands since a number of them that did more than look. */
  const written = async (from: number): Promise<readonly string[]> =>
    (await lab.journal()).slice(from).flatMap(({ command }) => (/^Get-|^Test-/.test(command) ? [] : [command]));
  const known = async (): Promise<number> => (await lab.journal()).length;

  beforeAll(async () => {
    lab = await openHypervHost({ adapters: ["Ethernet", "Ethernet 2"] });
    const { user, address, port, privateKey, knownHosts } = lab;
    const uri = `hyperv+ssh://${user}@${address}:${port}`;
    const settings = { uri, privateKey, knownHosts, sshClient: "built-in", sshConfig: "none" };
    host = hyperv.host(settings);
    reader = openHost(settings);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", join(lab.root, "image.qcow2"), "8M"]);
    await mkdir(lab.path("C:\\theirs"), { recursive: true });
    await writeFile(lab.path("C:\\theirs\\readme.txt"), "");
    const said = await lines(
      lab,
      `$null = New-VMSwitch -Name theirs -SwitchType Internal
      $null = New-VMSwitch -Name outside -NetAdapterName 'Ethernet 2' -AllowManagementOS $true
      do { $nic = Get-NetAdapter | Where-Object { $_.Name -eq 'vEthernet (theirs)' } } until ($nic)
      $null = New-NetIPAddress -InterfaceIndex $nic.ifIndex -IPAddress 10.90.0.1 -PrefixLength 24
      $null = New-NetNat -Name foreign -InternalIPInterfaceAddressPrefix 10.95.0.0/16 -Confirm:$false
      $null = New-VHD -Path C:\\theirs\\used.vhdx -SizeBytes 8MB -Dynamic
      $null = New-VM -Name theirs -Generation 2 -MemoryStartupBytes 64MB -VHDPath C:\\theirs\\used.vhdx
      Get-VMNetworkAdapter -VMName theirs | Set-VMNetworkAdapter -StaticMacAddress ${MAC.replaceAll(":", "")}`,
    );
    expect(said).toEqual([]);
    await make("StoragePool", { owner: "e2e/theirs", name: "theirs", path: "C:\\theirs" });
    const other = { owner: "e2e/other", name: "ours" };
    await make("Network", { ...other, cidr: "10.94.0.0/24" });
    const networks = [{ network: "ours", address: "10.94.0.9" }];
    await make("VirtualMachine", { ...other, networks, powerState: "stopped" });
  });
  afterAll(async () => {
    await host?.close();
    await reader?.close();
    await lab?.close();
  });

  it.each([...WORDS, ...LIMITS])("%s (%s %j) is refused without asking the host", (_, kind, words, path, said) => {
    const { problems } = check(kind, words);
    expect(problems).toEqual([{ path, reason: expect.stringMatching(said) }]);
  });

  it.each(HOST)("%s (%s %j) is refused at preview", async (_, kind, words, path, said) => {
    const from = await known();
    const { inputs, problems } = check(kind, words);
    expect(problems).toEqual([]);
    const found = await host.engine(kind).examine(inputs as Declared);
    expect(found).toEqual([{ path, reason: expect.stringMatching(said) }]);
    expect(await written(from)).toEqual([]);
  });

  /** A creation that must fail: its error. Nothing of it is on the host afterwards. */
  const attempt = async (kind: KindName, words: Words): Promise<ProviderError> => {
    const before = await everything();
    const error = await make(kind, words).then(
      () => new Error("it was made"),
      (failure: unknown) => failure,
    );
    expect(await everything(), "nothing is left").toEqual(before);
    if (error instanceof PartialFailure || !(error instanceof ProviderError)) throw error;
    return error;
  };

  it.each(ATTEMPT)("%s (%s %j) fails and leaves nothing", async (_, kind, words, property, said) => {
    const error = await attempt(kind, words);
    expect(error.code).not.toBe("bug");
    expect(error.where).toMatchObject({ property, kind: host.engine(kind).kind.title, name: "mine" });
    expect(error.fact).toMatch(said);
    expect(error.hint, sentence(error)).toMatch(/^[A-Z].*\.$/s);
  });

  it.each(HOST)("%s (%s %j) is refused too by a creation that nobody previewed", async (_, kind, words, path) => {
    const error = await attempt(kind, words);
    expect(error.code).not.toBe("bug");
    expect(error.where.property).toBe(path);
    expect(sentence(error)).toMatch(/: .*\.$/s);
  });

  it.each(CHANGES)("%s (%s %j) is refused at the preview of a change", async (_, kind, words, path, said) => {
    const engine = host.engine(kind);
    const made = await make(kind, kind === "VirtualMachine" ? { powerState: "stopped" } : {});
    try {
      const from = await known();
      const found = await engine.examine(check(kind, words).inputs as Declared, made.id, made.inputs);
      expect(found).toEqual([{ path, reason: expect.stringMatching(said) }]);
      expect(await written(from)).toEqual([]);
    } finally {
      await engine.remove(made.id, made.inputs, step());
    }
  });
});
