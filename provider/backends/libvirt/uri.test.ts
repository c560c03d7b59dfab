import { describe, expect, it } from "vitest";
import { ProviderError } from "../../core/errors.js";
import { parseUri } from "./uri.js";

const refusal = (uri: string): ProviderError => {
  try {
    parseUri(uri);
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  throw new Error(`${uri} was taken`);
};

describe("a connection URI", () => {
  it.each([
    ["qemu:///system", { driver: "qemu:///system", transport: "unix", path: "system", hypervisor: "qemu" }],
    [" qemu:///session\n", { driver: "qemu:///session", path: "session", identity: "qemu:///session" }],
    ["qemu+unix:///system", { transport: "unix", identity: "qemu:///system" }],
    ["qemu:///system?socket=/run/a%20b", { socket: "/run/a b", identity: "qemu:///system?socket=/run/a%20b" }],
    ["test:///default", { driver: "test:///default", path: "default", hypervisor: "test" }],
    ["test:///etc/libvirt/test.xml", { driver: "test:///etc/libvirt/test.xml", path: "etc/libvirt/test.xml" }],
    ["qemu+ssh://h/system", { transport: "ssh", host: "h", user: undefined, port: undefined }],
    [
      "qemu+ssh://root@h.example:2222/system",
      { driver: "qemu:///system", user: "root", host: "h.example", port: 2222 },
    ],
    ["qemu+ssh://a%40b@[fe80::1]:22/session", { user: "a@b", host: "fe80::1", port: 22 }],
    ["qemu+ssh://h/system?no_verify=1&keyfile=/k", { noVerify: true, keyfile: "/k", knownHosts: undefined }],
    ["qemu+libssh2://u@h/system", { transport: "ssh", identity: "qemu+ssh://u@h/system" }],
    ["qemu+libssh://h/session/", { transport: "ssh", path: "session", identity: "qemu+ssh://h/session" }],
    ["qemu:///system/", { driver: "qemu:///system", identity: "qemu:///system" }],
    ["qemu:///system?mode=direct", { mode: "direct", identity: "qemu:///system?mode=direct" }],
    ["qemu+ssh://h/system?socket=/s", { mode: "auto", socket: "/s" }],
    ["qemu+ssh://with%20space%2Bplus@h/system", { user: "with space+plus" }],
    ["qemu+tls://h/system", { transport: "tls", host: "h", port: undefined, noVerify: false, pkipath: undefined }],
    [
      "qemu+tls://[2001:db8::1]:1/system",
      { host: "2001:db8::1", port: 1, identity: "qemu+tls://[2001:db8::1]:1/system" },
    ],
    ["qemu+tls://h/system?pkipath=/p&no_verify=1", { pkipath: "/p", noVerify: true }],
    ["qemu://h/system", { transport: "tls", identity: "qemu+tls://h/system" }],
    ["qemu+tcp://127.0.0.1:16510/system", { transport: "tcp", port: 16510 }],
    ["test+tcp://h/default", { transport: "tcp", driver: "test:///default" }],
    ["qemu+ssh://h/system?no_verify=0&known_hosts=/n", { noVerify: false, knownHosts: "/n" }],
  ])("is understood: %s", (uri, parts) => {
    expect(parseUri(uri)).toMatchObject(parts);
  });

  it.each([
    "qemu:///system",
    "qemu+unix:///session?socket=/run/user/1000/libvirt/libvirt-sock",
    "qemu+ssh://a%40b@[fe80::1]:2222/system?keyfile=/a%20b&known_hosts=/c",
    "qemu+ssh://h/system?keyfile=/100%25/a%26b%3Dc%23d%3Fe+f%C3%A9&socket=/x",
    "test+ssh://u@h/default",
    "qemu+tls://h:16515/system?pkipath=/a%20b&no_verify=1",
    "qemu:///session?mode=legacy",
    "qemu+tcp://[::1]/system",
  ])("has an identity that leads back to the same host: %s", (uri) => {
    const { identity, ...parts } = parseUri(uri);
    expect(parseUri(identity)).toEqual({ ...parts, identity });
  });

  it("has one identity whatever the order of its parameters and the spelling of the transport", () => {
    const one = parseUri("qemu+ssh://h/system?keyfile=/k&socket=/s").identity;
    expect(parseUri("qemu+ssh://h/system?socket=/s&keyfile=/k").identity).toBe(one);
    expect(parseUri("qemu+unix:///system?").identity).toBe(parseUri("qemu:///system").identity);
  });

  it.each([
    ["", /form that is known/],
    ["qemu", /form that is known/],
    ["xen:///system", /driver "xen", and only QEMU/],
    ["lxc+ssh://h/system", /driver "lxc"/],
    ["foo:///system", /form that is known/],
    ["qemu+ext://h/system", /transport "ext"/],
    ["qemu+tls:///system", /has no host/],
    ["qemu+tls://u@h/system", /names a user, and TLS has none/],
    ["qemu+tls://h/session", /not reached over the network/],
    ["qemu+tls://h/system?keyfile=/k", /"keyfile", which means nothing over tls/],
    ["qemu:///system?pkipath=/k", /"pkipath", which means nothing over unix/],
    ["qemu:///system?mode=ro", /mode "ro"/],
    ["qemu+tls://h/system?pkipath=x", /not an absolute path/],
    ["qemu+ssh://h/system?no_verify=yes", /no_verify=yes/],
    ["qemu+ssh://h/system?netcat=nc", /parameter "netcat"/],
    ["qemu:///system#x", /form that is known/],
    ["qemu+unix://h/system", /unix socket has none/],
    ["qemu+ssh:///system", /has no host/],
    ["qemu:///", /path "\/"/],
    ["qemu:///embed?root=/x", /path "\/embed"/],
    ["test:///", /has no path/],
    ["qemu+ssh://u@/system", /user@host:port/],
    ["qemu+ssh://h:0/system", /port 0/],
    ["qemu+ssh://h:65536/system", /port 65536/],
    ["qemu+ssh://fe80::1/system", /user@host:port/],
    ["qemu+ssh://h/system?command=evil", /parameter "command"/],
    ["qemu:///system?socket=x", /not an absolute path/],
    ["qemu:///system?socket=/%zz", /%zz/],
    ["qemu+ssh://%e0%a4@h/system", /%e0/],
  ])("is refused with the remedy: %s", (uri, fact) => {
    const error = refusal(uri);
    expect(error).toMatchObject({ code: "invalid", where: { property: "crossvisor:uri" } });
    expect(error.fact).toMatch(fact);
    expect(error.hint).toMatch(/\.$/);
  });

  it.each([
    "qemu+ssh://root:s3cret@h/system",
    "qemu+ssh://$&:s3cret@h/system",
    "qemu+ssh://root:p@s3cret@h/system",
    "qemu+ssh://root:s3cret@/system",
    "qemu+ssh://root:s3cret/x@h/system",
    "qemu+ssh://root:s3cret?x@h/system",
    "qemu+ssh://root:s3cret@h:99999/system",
    "qemu+ssh://root:s3cret@h/system?bad=1",
    "qemu+ssh://root:s3cret@h/wrong",
    "qemu+tls://root:s3cret@h/system",
    "qemu://root:s3cret@h/system",
    "qemu+unix://root:s3cret@h/system",
    "qemu+ssh://root%3As3cret@h/system",
  ])("never shows a password that somebody put into it: %s", (uri) => {
    let error: unknown;
    try {
      // What is taken must not show it either.
      expect(parseUri(uri).identity).not.toContain("s3cret");
    } catch (refused) {
      error = refused;
    }
    expect(error).toBeInstanceOf(ProviderError);
    const { fact, hint } = error as ProviderError;
    expect(`${fact} ${hint} ${(error as Error).stack}`).not.toContain("s3cret");
  });
});
