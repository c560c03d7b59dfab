import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { libvirt } from "../../provider/backends/libvirt/index.js";
import type { OpenHost } from "../../provider/core/engine.js";
import { PartialFailure } from "../../provider/core/engine.js";
import { ProviderError, sentence } from "../../provider/core/errors.js";
import type { KindName } from "../../provider/kinds/index.js";
import { type Declared, step } from "../contract/stand.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { type Row, WORDS, type Words } from "./bad-input.js";
import { inventory } from "./lab.js";

const reason = requirements();
const MAC = "52:54:00:aa:bb:cc";
const BASE: Readonly<Record<KindName, Words>> = {
  StoragePool: { path: "POOLS/mine" },
  Volume: { pool: "theirs", size: "1MiB" },
  Network: { cidr: "10.91.0.0/24" },
  VirtualMachine: { firmware: "bios", memory: "64MiB" },
};

/** Wrong on this host, and known before anything is made. */
const HOST: readonly Row[] = [
  [
    "an unknown network",
    "VirtualMachine",
    { networks: [{ network: "nowhere" }] },
    "networks[0].network",
    /"nowhere" is no network of the host\. Declare a Network, or name one/,
  ],
  [
    "more memory than there is",
    "VirtualMachine",
    { memory: "64TiB" },
    "memory",
    /must be at most what the host has, .*B, not 64TiB/,
  ],
  ["more processors than there can be", "VirtualMachine", { cpus: 512 }, "cpus", /must be at most \d+ on this host/],
  [
    "a MAC of another machine",
    "VirtualMachine",
    { networks: [{ network: "theirs", mac: MAC }] },
    "networks[0].mac",
    /already the MAC of virtual machine "theirs": choose another/,
  ],
  [
    "the name of another's machine",
    "VirtualMachine",
    { name: "theirs" },
    "name",
    /somebody else on the host: choose another name, or take it over with adopt/,
  ],
  [
    "a volume that is none",
    "VirtualMachine",
    { disks: [{ volume: "/nowhere/disk" }] },
    "disks[0].volume",
    /is in no storage pool of the host\. Declare a Volume/,
  ],
  [
    "an address that the network does not manage",
    "VirtualMachine",
    { networks: [{ network: "theirs", address: "10.90.0.9" }] },
    "networks[0].address",
    /does not manage addresses\. Leave it out/,
  ],
  [
    "the processor's help where there is none",
    "VirtualMachine",
    { acceleration: "required" },
    "acceleration",
    /no usable hardware virtualisation \(KVM\)\. Switch it on/,
  ],
  [
    "an adopted machine that is none",
    "VirtualMachine",
    { adopt: "nobody" },
    "adopt",
    /"nobody" is no virtual machine of the host/,
  ],
  [
    "a cidr of another network",
    "Network",
    { cidr: "10.90.0.128/25" },
    "cidr",
    /overlaps with 10.90.0.0\/24 of the network "theirs": choose another/,
  ],
  [
    "the name of another's network",
    "Network",
    { name: "theirs" },
    "name",
    /belongs to somebody else: choose another name, or set `adopt`/,
  ],
  ["an unknown pool", "Volume", { pool: "nowhere" }, "pool", /no storage pool "nowhere"/],
  [
    "the name of another's volume",
    "Volume",
    { name: "theirs.raw" },
    "name",
    /is not ours: set adopt to its name to take it over/,
  ],
  [
    "an image that is not there",
    "Volume",
    { source: "/nowhere/image.qcow2" },
    "source",
    /there is nothing at .*: check the path/,
  ],
  ["an image of another format", "Volume", { source: "POOLS/theirs/theirs.raw", size: "64MiB" }, "format", /raw/],
  ["a base that is none", "Volume", { base: "/nowhere/base.qcow2", size: undefined }, "base", /.*/],
  [
    "more than the pool could ever hold",
    "Volume",
    { size: "1024TiB" },
    "size",
    /must not exceed the file system of the storage pool "theirs"/,
  ],
  [
    "the name of another's pool",
    "StoragePool",
    { name: "theirs" },
    "name",
    /is taken by another storage pool .*: set adopt to/,
  ],
  [
    "the directory of another's pool",
    "StoragePool",
    { path: "POOLS/theirs" },
    "path",
    /is the directory of the storage pool "theirs" already: set adopt to/,
  ],
];

/** What only the attempt shows. Nothing may stay of it. */
const ATTEMPT: readonly Row[] = [
  ["a cidr of the host's own interface", "Network", { cidr: "10.92.0.0/24" }, "cidr", /./],
  ["a directory that is a file", "StoragePool", { path: "POOLS/theirs/theirs.raw" }, "path", /./],
  [
    "an image with another digest",
    "Volume",
    { source: "POOLS/image.qcow2", size: undefined, sha256: "0".repeat(64) },
    "sha256",
    /./,
  ],
];

/** What only the start shows: the machine is defined then, and stays under its id, so that the next update goes on. */
const START: readonly Row[] = [
  ["a bridge that is not there", "VirtualMachine", { networks: [{ bridge: "br-none" }] }, "networks", /br-none/],
  ["a network that does not run", "VirtualMachine", { networks: [{ network: "asleep" }] }, "networks", /asleep/],
  [
    "a disk file that is not there",
    "VirtualMachine",
    { disks: [{ path: "/nowhere/disk" }] },
    "disks[0].path",
    /nowhere/,
  ],
  ["a CD that is not there", "VirtualMachine", { cdrom: "/nowhere/cd.iso" }, "cdrom", /nowhere/],
  ["a disk in a closed folder", "VirtualMachine", { disks: [{ path: "/root/closed.raw" }] }, "disks[0].path", /closed/],
];

describe.skipIf(reason !== undefined)(`bad input on a real host${reason === undefined ? "" : ` (${reason})`}`, () => {
  let lab: LibvirtHost;
  let host: OpenHost;
  const real = (words: Words): Words => JSON.parse(JSON.stringify(words).replaceAll("POOLS", lab.pools)) as Words;
  const check = (kind: KindName, words: Words) => {
    const given = { owner: "e2e/bad", name: "mine", ...BASE[kind], ...words };
    const kept = Object.entries(given).filter(([, value]) => value !== undefined);
    return host.engine(kind).check(real(Object.fromEntries(kept)));
  };
  const define = async (verb: string, xml: string, ...more: string[]): Promise<void> => {
    const file = join(lab.root, "define.xml");
    await writeFile(file, xml);
    await lab.virsh(verb, file, ...more);
  };
  /** A creation that must fail: its error. Nothing of it is on the host afterwards. */
  const attempt = async (kind: KindName, words: Words): Promise<ProviderError> => {
    const before = await inventory(lab);
    const { inputs, problems } = check(kind, words);
    expect(problems).toEqual([]);
    const error = await host
      .engine(kind)
      .create(inputs as Declared, step())
      .then(
        () => new Error("it was made"),
        (failure: unknown) => failure,
      );
    expect(await inventory(lab), "nothing is left").toEqual(before);
    if (error instanceof PartialFailure || !(error instanceof ProviderError)) throw error;
    return error;
  };

  beforeAll(async () => {
    lab = await startLibvirtd();
    host = libvirt.host({ uri: lab.uri });
    await lab.exec(["ip", "link", "add", "own0", "type", "bridge"]);
    await lab.exec(["ip", "address", "add", "10.92.0.1/24", "dev", "own0"]);
    await lab.exec(["ip", "link", "set", "own0", "up"]);
    await lab.exec(["sh", "-c", "mount -t tmpfs -o mode=700 root /root && truncate -s 1M /root/closed.raw"]);
    await lab.exec(["qemu-img", "create", "-q", "-f", "qcow2", `${lab.pools}/image.qcow2`, "1M"]);
    await define("net-define", "<network><name>theirs</name><ip address='10.90.0.1' prefix='24'/></network>");
    await define(
      "pool-define",
      `<pool type='dir'><name>theirs</name><target><path>${lab.pools}/theirs</path></target></pool>`,
    );
    await lab.virsh("net-start", "theirs");
    await define("net-define", "<network><name>asleep</name><ip address='10.93.0.1' prefix='24'/></network>");
    await lab.virsh("pool-build", "theirs");
    await lab.virsh("pool-start", "theirs");
    await lab.virsh("vol-create-as", "theirs", "theirs.raw", "1M", "--format", "raw");
    await define(
      "define",
      `<domain type='qemu'><name>theirs</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>
        <interface type='network'><mac address='${MAC}'/><source network='theirs'/></interface></devices></domain>`,
    );
  });
  afterAll(async () => {
    await host?.close();
    await lab?.stop();
  });

  it.each(WORDS)("%s (%s %j) is refused without asking the host", (_, kind, words, path, said) => {
    const { problems } = check(kind, words);
    expect(problems).toEqual([{ path, reason: expect.stringMatching(said) }]);
  });

  it.each(HOST)("%s (%s %j) is refused at preview", async (_, kind, words, path, said) => {
    const before = await inventory(lab);
    const { inputs, problems } = check(kind, words);
    expect(problems).toEqual([]);
    const found = await host.engine(kind).examine(inputs as Declared);
    expect(found).toEqual([{ path, reason: expect.stringMatching(said) }]);
    expect(await inventory(lab)).toEqual(before);
  });

  it.each(ATTEMPT)("%s (%s %j) fails and leaves nothing", async (_, kind, words, property, said) => {
    const error = await attempt(kind, words);
    expect(error.code).not.toBe("bug");
    expect(error.where).toMatchObject({ property, kind: host.engine(kind).kind.title, name: "mine" });
    expect(error.fact).toMatch(said);
    expect(error.hint, sentence(error)).toMatch(/^[A-Z].*\.$/s);
  });

  it.each(START)("%s (%s %j) fails at the start and keeps its id", async (_, kind, words, property, said) => {
    const before = await inventory(lab);
    const { inputs } = check(kind, words);
    const failure: unknown = await host
      .engine(kind)
      .create(inputs as Declared, step())
      .catch((error: unknown) => error);
    if (!(failure instanceof PartialFailure)) throw failure;
    await host.engine(kind).remove(failure.id, inputs as Declared, step());
    expect(await inventory(lab)).toEqual(before);
    const { where, fact, hint } = failure.failure;
    expect(where.property).toBe(property);
    expect(fact).toMatch(said);
    expect(hint, sentence(failure.failure)).toMatch(/^[A-Z].*\.$/s);
  });

  // Limits that nothing enforces later than a preview.
  const unseen = HOST.filter(
    ([, , words]) => !["memory", "cpus", "1024TiB", MAC, "10.90.0"].some((w) => JSON.stringify(words).includes(w)),
  );
  it.each(unseen)("%s (%s %j) is refused too by a creation that nobody previewed", async (_, kind, words) => {
    const error = await attempt(kind, words);
    expect(error.code).not.toBe("bug");
    expect(error.where.property).toBeTruthy();
    expect(error.hint, sentence(error)).toMatch(/^[A-Z].*\.$/s);
  });

  it("a definition that libvirt refuses leaves neither a first-boot CD nor an allotted address", async () => {
    const network = host.engine("Network");
    const lan = await network.create(check("Network", { name: "lan" }).inputs as Declared, step());
    const addresses = await lab.virsh("net-dumpxml", "lan", "--inactive");
    const words = { disks: [{ volume: "POOLS/theirs/theirs.raw" }], networks: [{ network: lan.id }], cpus: 512 };
    const error = await attempt("VirtualMachine", { ...words, cloudInit: { userData: "#!/bin/true" } });
    expect(error.fact).toMatch(/cpu/i);
    expect(await lab.virsh("net-dumpxml", "lan", "--inactive")).toBe(addresses);
    await network.remove(lan.id, lan.inputs, step());
  });

  it("a host without UEFI firmware says so, and what else there is", async () => {
    for (const folder of ["/usr/share/qemu/firmware", "/usr/share/OVMF"])
      await lab.exec(["sh", "-c", `! test -d ${folder} || mount -t tmpfs none ${folder}`]);
    await lab.restart();
    const bare = libvirt.host({ uri: lab.uri });
    try {
      const { inputs } = check("VirtualMachine", { firmware: "uefi" });
      expect(await bare.engine("VirtualMachine").examine(inputs as Declared)).toEqual([
        {
          path: "firmware",
          reason: expect.stringMatching(/^cannot be "uefi": .*Install its package .*or use "bios"$/),
        },
      ]);
      const before = await inventory(lab);
      const words = { disks: [{ volume: "POOLS/theirs/theirs.raw" }], networks: [{ network: "theirs" }] };
      const unseen = check("VirtualMachine", { ...words, firmware: "uefi", cloudInit: { userData: "#!/bin/true" } });
      const made = bare.engine("VirtualMachine").create(unseen.inputs as Declared, step());
      const error = await made.catch((failure: unknown) => failure);
      expect(error).toMatchObject({ failure: { where: { property: "firmware" } } });
      await bare.engine("VirtualMachine").remove((error as PartialFailure).id, unseen.inputs as Declared, step());
      expect(await inventory(lab)).toEqual(before);
    } finally {
      await bare.close();
    }
  });
});
