import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";

interface Made {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}
const made = new Map<string, Made>();
const SECRET = "4dabf18193072939515e22adb298388d";

/** Mocks must be set before the SDK is loaded. */
let sdk: typeof import("./nodejs/index.js");
beforeAll(async () => {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        made.set(name, { type, name, inputs });
        return { id: `${name}-id`, state: { ...inputs, path: `/pool/${name}`, host: "memory:" } };
      },
      call: () => ({}),
    },
    "shop",
    "live",
  );
  sdk = await import("./nodejs/index.js");
});

const urn = (resource: pulumi.Resource) => new Promise<string>((resolve) => resource.urn.apply(resolve));
async function inputsOf(resource: pulumi.Resource, name: string): Promise<Made["inputs"]> {
  await urn(resource);
  const found = made.get(name);
  if (!found) throw new Error(`${name} was not registered`);
  return found.inputs;
}

describe("the Node.js SDK", () => {
  it("registers a resource with the literal provider code, its owner, and its name by default", async () => {
    const pool = new sdk.StoragePool("pool", { path: "/srv/pool" });
    const inputs = await inputsOf(pool, "pool");
    expect(made.get("pool")?.type).toBe("pulumi-nodejs:dynamic/crossvisor:StoragePool");
    expect(inputs).toEqual({
      __provider: 'exports.handler = () => require("crossvisor/runtime").provider("StoragePool");',
      __urn: await urn(pool),
      name: "pool",
      owner: "shop/live/pool",
      path: "/srv/pool",
    });
  });

  it("knows its URN inside a component", async () => {
    const parent = new pulumi.ComponentResource("my:mod:Web", "front");
    const net = new sdk.Network("inner", { mode: "private" }, { parent });
    expect((await inputsOf(net, "inner"))["__urn"]).toBe(await urn(net));
    expect((await inputsOf(net, "inner"))["__urn"]).toContain("my:mod:Web$");
    expect((await inputsOf(net, "inner"))["owner"]).toBe("shop/live/my:mod:Web/inner");
  });

  it("takes a resource for a reference, also in lists and outputs, and leaves its neighbours known", async () => {
    const volume = new sdk.Volume("data", { size: "1GiB", name: "data.qcow2" });
    const network = new sdk.Network("lan", { cidr: "192.168.50.0/24" });
    const vm = new sdk.VirtualMachine("web", {
      disks: [{ volume }, { name: "b", volume: pulumi.output(volume) }, { path: "/dev/sdb" }],
      networks: pulumi.output([{ network }]),
    });
    const inputs = await inputsOf(vm, "web");
    expect(inputs["disks"]).toEqual([
      { volume: "/pool/data" },
      { name: "b", volume: "/pool/data" },
      { path: "/dev/sdb" },
    ]);
    expect(inputs["networks"]).toEqual([{ network: "lan-id" }]);
    expect(inputs["__references"], "what the provider may ask the host for").toEqual({
      "disks.0.volume": { id: "data-id", host: "memory:" },
    });
  });

  it("marks user data as a secret, however it is written", async () => {
    for (const [name, cloudInit] of Object.entries({
      plain: { userData: "#cloud-config" },
      later: pulumi.output({ userData: "#cloud-config" }),
      inner: { userData: pulumi.output("#cloud-config") },
    })) {
      const vm = new sdk.VirtualMachine(name, { cloudInit });
      const text = JSON.stringify((await inputsOf(vm, name))["cloudInit"]);
      expect(text, name).toContain(SECRET);
      expect(await new Promise((resolve) => vm.cloudInit.apply((c) => resolve(c?.userData))), name).toBe(
        "#cloud-config",
      );
      expect(await pulumi.isSecret(vm.cloudInit), name).toBe(true);
    }
  });

  it("refuses a resource where none belongs", () => {
    const volume = new sdk.Volume("v", { size: "1GiB" });
    // biome-ignore lint/suspicious/noExplicitAny: what a JavaScript program may do
    expect(() => new sdk.VirtualMachine("bad", { cdrom: volume as any })).toThrow("cdrom must not be a resource");
  });

  it("tells its classes apart", () => {
    const pool = new sdk.StoragePool("p2", { path: "/x" });
    expect([sdk.StoragePool.isInstance(pool), sdk.Volume.isInstance(pool), sdk.Volume.isInstance({})]).toEqual([
      true,
      false,
      false,
    ]);
    expect(sdk.Volume.__pulumiType).toBe("pulumi-nodejs:dynamic/crossvisor:Volume");
  });

  it("keeps the access of a host secret", async () => {
    const host = new sdk.Host("kvm2", { uri: "qemu+ssh://root@kvm2/system", password: "x", sshConfig: "/etc/ssh/c" });
    expect(await inputsOf(host, "kvm2")).toMatchObject({
      "crossvisor:uri": "qemu+ssh://root@kvm2/system",
      "crossvisor:password": expect.objectContaining({ [SECRET]: expect.any(String) }),
      "crossvisor:sshConfig": "/etc/ssh/c",
    });
  });
});
