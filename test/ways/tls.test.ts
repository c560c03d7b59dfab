import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { connect } from "../../provider/backends/libvirt/rpc/index.js";
import type { HostSettings } from "../../provider/core/settings.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { hasProgram } from "../hosts/requirements.js";
import { failure } from "../ssh/fixtures.js";
import { freePort } from "../ssh/sshd.js";
import { type Authority, authority, type Pair, text } from "./certificates.js";
import { life } from "./life.js";
import { bridge } from "./network-bridge.js";

const missing = requirements() ?? (hasProgram("openssl") ? undefined : "needs openssl");
const title = "a libvirtd behind TLS and TCP";

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtHost;
  let folder: string;
  let good: Authority;
  let client: Pair;
  let ports: { tls: number; tcp: number };
  const servers: Server[] = [];

  beforeAll(async () => {
    folder = mkdtempSync("/var/tmp/crossvisor-tls-");
    good = authority(folder, "ca");
    client = good.issue("client", { subject: "client" });
    const server = good.issue("server", { subject: "kvm", names: "DNS:localhost,IP:127.0.0.1" });
    lab = await startLibvirtd({ libvirtdConf: listening(good.cert, server), listen: true });
    const bridges = await Promise.all([16514, 16509].map((port) => bridge(lab, port)));
    servers.push(...bridges.map(({ server: one }) => one));
    ports = { tls: bridges[0]!.port, tcp: bridges[1]!.port };
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await lab?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const settings = (more: Partial<HostSettings> = {}): HostSettings => ({
    uri: `qemu+tls://localhost:${ports.tls}/system`,
    caCert: text(good.cert),
    clientCert: text(client.cert),
    clientKey: text(client.key),
    ...more,
  });
  async function hostname(given: HostSettings): Promise<string> {
    const host = openHost(given);
    try {
      return await host.session.call(connect.hostname, undefined);
    } finally {
      await host.close();
    }
  }
  const refusal = (more: Partial<HostSettings>) => failure(hostname(settings(more)));
  const folderOf = (name: string, files: Readonly<Record<string, string>>): string => {
    const path = join(folder, name);
    mkdirSync(path);
    for (const [file, from] of Object.entries(files)) copyFileSync(from, join(path, file));
    return path;
  };
  const without = { caCert: undefined, clientCert: undefined, clientKey: undefined } as unknown as HostSettings;

  it("is reached with certificates from settings, by name and by address, and over plain TCP", async () => {
    const name = (await lab.exec(["hostname"])).trim();
    expect(await hostname(settings())).toContain(name);
    expect(await hostname(settings({ uri: `qemu+tls://127.0.0.1:${ports.tls}/system` }))).toContain(name);
    expect(await hostname(settings({ uri: `qemu://localhost:${ports.tls}/system` }))).toContain(name);
    expect(await hostname({ uri: `qemu+tcp://127.0.0.1:${ports.tcp}/system` })).toContain(name);
  });

  it("is reached with the files of pkipath=", async () => {
    const files = { "cacert.pem": good.cert, "clientcert.pem": client.cert, "clientkey.pem": client.key };
    const path = folderOf("pki", files);
    await hostname({ ...settings(without), uri: `qemu+tls://localhost:${ports.tls}/system?pkipath=${path}` });
  });

  it("carries a whole life, an upload in it", () => life(lab, settings()));

  it("says which file is missing, and who cannot read which", async () => {
    const empty = folderOf("empty", {});
    const uri = `qemu+tls://localhost:${ports.tls}/system?pkipath=${empty}`;
    expect(await refusal({ ...without, uri })).toMatchObject({
      code: "not-found",
      fact: `there is no CA certificate to check the host with: ${empty}/cacert.pem do not exist`,
    });
    copyFileSync(good.cert, join(empty, "cacert.pem"));
    const shown = await refusal({ ...without, uri });
    expect(shown).toMatchObject({ code: "denied" });
    expect(shown.fact).toContain("no client certificate was found, and it asks for one");
    copyFileSync(client.cert, join(empty, "clientcert.pem"));
    expect((await refusal({ ...without, uri })).fact).toContain(`no key ${empty}/clientkey.pem`);
    mkdirSync(join(empty, "clientkey.pem"));
    expect((await refusal({ ...without, uri })).fact).toContain(`${empty}/clientkey.pem cannot be read by`);
  });

  it("says what is wrong with our own certificate and key", async () => {
    const old = good.issue("old", { subject: "old", expired: true });
    const other = good.issue("second", { subject: "second" });
    const pair = (cert: string, key: string) => refusal({ clientCert: text(cert), clientKey: text(key) });
    expect((await pair(old.cert, old.key)).fact).toContain("crossvisor:clientCert has expired");
    expect((await pair(client.cert, other.key)).fact).toContain("crossvisor:clientKey does not belong to");
    expect((await refusal({ clientKey: "x" })).fact).toContain("crossvisor:clientKey holds no usable key");
    expect((await refusal({ caCert: "x" })).fact).toBe("crossvisor:caCert holds no certificate");
    expect((await refusal({ clientKey: undefined } as unknown as HostSettings)).fact).toContain("clientKey is missing");
  });

  it("refuses a host that is signed by somebody else or is somebody else, unless told not to look", async () => {
    const stranger = authority(folder, "stranger");
    const wrongCa = { caCert: text(stranger.cert) };
    expect(await refusal(wrongCa)).toMatchObject({
      code: "denied",
      fact: `the certificate of localhost:${ports.tls} was not issued by the authority in crossvisor:caCert`,
    });
    const elsewhere = await bridge(lab, 16514, "127.0.0.2");
    servers.push(elsewhere.server);
    const wrongName = { uri: `qemu+tls://127.0.0.2:${elsewhere.port}/system` };
    const named = await refusal(wrongName);
    expect(named).toMatchObject({ code: "denied" });
    expect(named.fact).toContain("is for another name (DNS:localhost, IP Address:127.0.0.1)");
    await hostname(settings({ ...wrongCa, uri: `${wrongName.uri}?no_verify=1` }));
  });

  it("tells that the host refuses our certificate", async () => {
    const stranger = authority(folder, "nobody").issue("intruder", { subject: "intruder" });
    const error = await refusal({ clientCert: text(stranger.cert), clientKey: text(stranger.key) });
    expect(error).toMatchObject({ code: "denied" });
    expect(error.fact).toContain("refuses this client: the client certificate in crossvisor:clientCert");
  });

  it("tells an expired host", async () => {
    const old = good.issue("oldserver", { subject: "localhost", names: "DNS:localhost", expired: true });
    const { createServer: secure } = await import("node:tls");
    const server = secure({ cert: text(old.cert), key: text(old.key) });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push(server);
    const { port } = server.address() as { port: number };
    const error = await refusal({ uri: `qemu+tls://localhost:${port}/system` });
    expect(error).toMatchObject({ code: "denied", fact: `the certificate of localhost:${port} has expired` });
  });

  it("tells what else listens: plain TCP, another protocol, nobody", async () => {
    const plain = await refusal({ uri: `qemu+tls://localhost:${ports.tcp}/system` });
    expect(plain).toMatchObject({ code: "unsupported", hint: expect.stringContaining("16514") });
    const http = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    servers.push(http);
    const { port } = http.address() as { port: number };
    expect((await refusal({ uri: `qemu+tls://localhost:${port}/system` })).fact).toContain("does not speak TLS");
    const nobody = await freePort();
    expect(await refusal({ uri: `qemu+tls://127.0.0.1:${nobody}/system` })).toMatchObject({
      code: "unreachable",
      fact: `127.0.0.1 refuses connections on port ${nobody}`,
    });
  });
});

/** libvirtd.conf for TLS with these certificates, and for TCP without a login. */
function listening(ca: string, server: Pair): readonly string[] {
  return [
    "listen_tls = 1",
    "listen_tcp = 1",
    'auth_tcp = "none"',
    'auth_tls = "none"',
    `ca_file = "${ca}"`,
    `cert_file = "${server.cert}"`,
    `key_file = "${server.key}"`,
    'crl_file = ""',
  ];
}
