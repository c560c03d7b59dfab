import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkUserData, instanceOf, networkConfig, type Seed, seed } from "./nocloud.js";

const works = (tool: string, ...args: string[]): boolean => spawnSync(tool, args, { stdio: "ignore" }).status === 0;
const hasReader = works("bsdtar", "--version");
const hasYaml = works("python3", "-c", "import yaml");
const yaml = (text: string): unknown =>
  JSON.parse(
    execFileSync("python3", ["-c", "import yaml,json,sys; print(json.dumps(yaml.safe_load(sys.stdin)))"], {
      input: text,
      encoding: "utf8",
    }),
  );

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crossvisor-seed-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const identity = { instanceId: "iid-1", hostname: "web" };
function read(given: Partial<Seed>, name: string): string {
  writeFileSync(join(folder, "seed.iso"), seed({ ...identity, ...given }));
  execFileSync("bsdtar", ["-xf", join(folder, "seed.iso"), "-C", folder]);
  return readFileSync(join(folder, name), "utf8");
}

describe.skipIf(!hasReader)("the seed (skipped when libarchive-tools' bsdtar is not installed)", () => {
  test("passes user data and network configuration as they are", () => {
    const userData = "#cloud-config\nusers: [ä]\n";
    expect(read({ userData }, "user-data")).toBe(userData);
    expect(read({}, "user-data")).toBe("");
    expect(read({ networkConfig: "version: 2\n" }, "network-config")).toBe("version: 2\n");
  });

  test("adds to a mapping what it lacks and keeps what it has", () => {
    expect(JSON.parse(read({}, "meta-data"))).toEqual({ "instance-id": "iid-1", "local-hostname": "web" });
    const metaData = { "instance-id": "mine", tags: ["a"] };
    const wanted = { "instance-id": "mine", "local-hostname": "web", tags: ["a"] };
    expect(JSON.parse(read({ metaData }, "meta-data"))).toEqual(wanted);
    expect(JSON.parse(read({ metaData: JSON.stringify(metaData) }, "meta-data"))).toEqual(wanted);
  });
});

describe.skipIf(!hasReader || !hasYaml)("meta-data as YAML text (skipped without bsdtar or Python's yaml)", () => {
  test.each([
    ["", { "instance-id": "iid-1", "local-hostname": "web" }],
    ["# only a comment", { "instance-id": "iid-1", "local-hostname": "web" }],
    ["instance-id: mine", { "instance-id": "mine", "local-hostname": "web" }],
    ["'local-hostname' : db\n", { "instance-id": "iid-1", "local-hostname": "db" }],
    [
      "---\n# note\na:\n  instance-id: nested\n",
      { a: { "instance-id": "nested" }, "instance-id": "iid-1", "local-hostname": "web" },
    ],
    ["  a: 1\n  instance-id: two\n", { a: 1, "instance-id": "two", "local-hostname": "web" }],
    ["a: |\n  text\n  more", { a: "text\nmore", "instance-id": "iid-1", "local-hostname": "web" }],
    ["a: 1\r\nb: 2\r\n", { a: 1, b: 2, "instance-id": "iid-1", "local-hostname": "web" }],
  ])("%j", (metaData, wanted) => {
    expect(yaml(read({ metaData }, "meta-data"))).toEqual(wanted);
  });
});

test.each(["- a\n- b\n", "just words", "{a: 1}", "[1]", "{ broken"])("meta-data %j is refused", (metaData) => {
  expect(() => seed({ ...identity, metaData })).toThrowError(
    expect.objectContaining({ code: "invalid", where: { property: "metaData" } }),
  );
});

test("the same seed gives the same bytes, and the contents do not change the instance", () => {
  const given = { ...identity, userData: "#!/bin/sh\n" };
  expect(Buffer.from(seed(given)).equals(seed({ ...given }))).toBe(true);
  const text = Buffer.from(seed({ ...given, userData: "#!/bin/bash\n" })).toString("latin1");
  expect(text).toContain('"instance-id": "iid-1"');
});

test.each([
  [undefined, true],
  ["a: b\n", true],
  ["{}", true],
  ["instance-id: mine\n", false],
])("its instance is read from it again, with the metaData %j: %s", (metaData, found) => {
  const instanceId = "0d3c4cf1-0f4b-5c0e-8d2c-000000000001";
  const image = seed({ instanceId, hostname: "web", userData: "#!/bin/sh\n".repeat(90_000), metaData });
  expect(instanceOf(image.subarray(0, 1 << 18))).toBe(found ? instanceId : undefined);
  expect(instanceOf(image.subarray(2048))).toBeUndefined();
  expect(instanceOf(new Uint8Array(100))).toBeUndefined();
});

describe("user data", () => {
  test.each([
    "",
    "#cloud-config\na: 1",
    "\n  #cloud-config\n",
    "#!/bin/sh\n",
    "#include\nhttps://example.org/x",
    "#cloud-boothook\n",
    "## template: jinja\n#cloud-config\n",
    "#ps1_sysnative\n",
    'Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n\n--b\n',
    "MIME-Version: 1.0\nContent-Type: text/plain\n\n",
  ])("%j is accepted", (text) => {
    expect(checkUserData(text)).toBeUndefined();
  });

  test.each([
    ["users: []", /none of #cloud-config/],
    ["# cloud-config\n", /without the space/],
    ["\n#!/bin/sh\n", /white space before #!/],
    ["\uFEFF#cloud-config\n", /byte order mark/],
    ["Content-Type: multipart/mixed\n\n", /MIME-Version/],
  ])("%j is refused", (text, problem) => {
    expect(checkUserData(text)).toMatch(problem);
  });
});

describe("the network configuration", () => {
  const nics = [
    {
      mac: "52:54:00:AB:CD:01",
      address: "192.168.50.10/24",
      gateway: "192.168.50.1",
      dns: ["192.168.50.1"],
      search: ["on"],
    },
    { mac: "52:54:00:00:00:02" },
    { mac: "52:54:00:00:00:03", address: "fd00::10/64", gateway: "fd00::1" },
  ];

  test("is text with quoted values only", () => {
    expect(networkConfig(nics.slice(0, 2))).toBe(
      [
        "version: 2",
        "ethernets:",
        '  nic0: {"match":{"macaddress":"52:54:00:ab:cd:01"},"addresses":["192.168.50.10/24"],"routes":[{"to":"0.0.0.0/0","via":"192.168.50.1"}],"nameservers":{"addresses":["192.168.50.1"],"search":["on"]}}',
        '  nic1: {"match":{"macaddress":"52:54:00:00:00:02"},"dhcp4":true}',
        "",
      ].join("\n"),
    );
  });

  test.skipIf(!hasYaml)("reads back as the same values (skipped without Python's yaml)", () => {
    expect(yaml(networkConfig(nics))).toMatchObject({
      version: 2,
      ethernets: {
        nic0: { match: { macaddress: "52:54:00:ab:cd:01" }, nameservers: { search: ["on"] } },
        nic1: { dhcp4: true },
        nic2: { addresses: ["fd00::10/64"], gateway6: "fd00::1" },
      },
    });
    expect(yaml(networkConfig([]))).toEqual({ version: 2, ethernets: {} });
  });
});
