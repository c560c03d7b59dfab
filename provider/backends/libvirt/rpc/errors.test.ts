import { describe, expect, it } from "vitest";
import { isUnknownProcedure, LibvirtError, libvirtCode, toProviderError } from "./errors.js";

const refusal = (code: number, message: string | undefined) =>
  toProviderError(new LibvirtError({ code, domain: 10, message, level: 2, int1: 0, int2: 0 }));

describe("toProviderError", () => {
  it.each([
    [42, "Domain not found", "not-found"],
    [43, "Network not found", "not-found"],
    [49, "Storage pool not found", "not-found"],
    [50, "Storage volume not found", "not-found"],
    [66, "Secret not found", "not-found"],
    [72, "Domain snapshot not found", "not-found"],
    [90, "storage volume 'a' exists already", "exists"],
    [28, "domain exists", "exists"],
    [37, "network exists", "exists"],
    [9, "operation failed: domain 'a' already exists with uuid 1", "exists"],
    [29, "read only access prevents virDomainDefineXML", "denied"],
    [88, "access denied", "denied"],
    [45, "authentication unavailable: no polkit agent", "denied"],
    [1, "internal error: Unable to get system bus connection: Could not connect", "denied"],
    [38, "Cannot access storage file '/a' (as uid:64055, gid:108): Permission denied", "denied"],
    [1, "process exited while connecting to monitor: Could not open '/a': Permission denied", "denied"],
    [68, "Timed out during operation: cannot acquire state change lock", "timeout"],
    [112, "guest agent timeout", "timeout"],
    [3, "this function is not supported", "unsupported"],
    [84, "Operation not supported", "unsupported"],
    [67, "unsupported configuration", "unsupported"],
    [39, "unknown procedure: 450", "unsupported"],
    [27, "XML error", "invalid"],
    [92, "XML document failed to validate", "invalid"],
    [8, "invalid argument", "invalid"],
    [1, 'Failed to get "write" lock', "busy"],
    [1, "cannot set up guest memory 'pc.ram': Cannot allocate memory", "failed"],
    [38, "cannot write to stream: No space left on device", "failed"],
    [38, "Failed to connect socket to '/run/libvirt/virtnetworkd-sock': No such file or directory", "unreachable"],
    [1, "internal error: client socket is closed", "unreachable"],
    [55, "Requested operation is not valid: domain is not running", "failed"],
    [1234, "something new", "failed"],
  ])("%i %s: %s", (code, message, expected) => {
    const error = refusal(code, message);
    expect(error.code).toBe(expected);
    expect(error.fact).toBe(message);
    expect(libvirtCode(error)).toBe(code);
  });

  it("gives a hint where there is a remedy", () => {
    expect(refusal(29, "read only").hint).toMatch(/read-write socket/);
    expect(refusal(88, "denied").hint).toMatch(/polkit rule .*org\.libvirt\.api/);
    expect(refusal(45, "authentication unavailable: no polkit agent").hint).toMatch(
      /log in again, .*org\.libvirt\.unix\.manage/,
    );
    expect(refusal(1, "Unable to get system bus connection").hint).toMatch(/polkit/);
    expect(refusal(38, "Cannot access storage file '/a': Permission denied").hint).toMatch(/AppArmor/);
    expect(refusal(38, "Failed to connect socket to '/run/libvirt/virtstoraged-sock'").hint).toMatch(
      /systemctl enable/,
    );
    expect(refusal(38, "No space left on device").hint).toMatch(/space/);
    expect(refusal(1, "Cannot allocate memory").hint).toMatch(/memory/);
    expect(refusal(42, "gone").hint).toBeUndefined();
  });

  it("makes the message one line without a full stop", () => {
    expect(refusal(1, "first line.\n  second line.\n").fact).toBe("first line.; second line");
    expect(refusal(77, undefined).fact).toBe("libvirt error 77");
  });

  it("knows procedures that a daemon does not have", () => {
    expect(isUnknownProcedure(refusal(39, "unknown procedure: 450"))).toBe(true);
    expect(isUnknownProcedure(refusal(39, "authentication required"))).toBe(false);
    expect(isUnknownProcedure(new Error("unknown procedure"))).toBe(false);
  });

  it("calls anything foreign a bug", () => {
    expect(toProviderError(new TypeError("oops"))).toMatchObject({ code: "bug", fact: "oops" });
  });
});
