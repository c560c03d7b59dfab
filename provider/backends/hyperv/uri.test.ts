import { describe, expect, test } from "vitest";
import { parseUri } from "./uri.js";

describe("what is understood", () => {
  test.each([
    ["hyperv:///", { transport: "local", host: undefined, identity: "hyperv:///" }],
    ["hyperv://", { transport: "local", identity: "hyperv:///" }],
    ["hyperv+ssh://HV1", { transport: "ssh", host: "HV1", user: undefined, identity: "hyperv+ssh://hv1/" }],
    [
      "hyperv+ssh://CORP%5Cann@hv1.example.org:2222/?keyfile=/k%20x&no_verify=1",
      {
        user: "CORP\\ann",
        port: 2222,
        keyfile: "/k x",
        noVerify: true,
        identity: "hyperv+ssh://CORP%5Cann@hv1.example.org:2222/?keyfile=/k%20x&no_verify=1",
      },
    ],
    ["hyperv+ssh://[fe80::1]:22", { host: "fe80::1", port: 22, identity: "hyperv+ssh://[fe80::1]:22/" }],
  ])("%s", (text, expected) => {
    const uri = parseUri(text);
    expect(uri).toMatchObject(expected);
    expect(parseUri(uri.identity).identity).toBe(uri.identity);
  });
});

describe("what is refused", () => {
  test.each([
    ["hyperv://hv1/", /names a host without a transport/],
    ["hyperv+winrm://hv1", /has the transport "winrm"/],
    ["hyperv+ssh:///", /has no host/],
    ["hyperv+ssh://hv1/system", /has the path "\/system"/],
    ["hyperv+ssh://hv1:0", /has the port 0/],
    ["hyperv+ssh://hv1:65536", /has the port 65536/],
    ["hyperv+ssh://hv1?socket=/x", /has the parameter "socket"/],
    ["hyperv+ssh://hv1?no_verify=yes", /must be 0 or 1/],
    ["hyperv+ssh://a%zz@hv1", /not followed by the code/],
    ["hyperv:///?keyfile=/k", /has parameters/],
    ["hyperv+ssh://a b@c@d", /is not a URI/],
  ])("%s", (text, fact) => {
    expect(() => parseUri(text)).toThrow(fact);
  });

  test.each(["hyperv+ssh://ann:s3cret@hv1", "hyperv+ssh://ann:s3c/r@et@hv1", "hyperv+ssh://ann%3As3cret@hv1"])(
    "a password, without showing it: %s",
    (text) => {
      expect(() => parseUri(text)).toThrow(/holds a password/);
      expect(() => parseUri(text)).not.toThrow(/s3c/);
    },
  );
});
