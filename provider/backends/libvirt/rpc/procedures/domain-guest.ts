import { array, counter, int, long, signedCounter, str, struct, uint } from "../codec.js";
import { domain, flags, text, typedParam } from "../types.js";
import { call, order, procedures, qemu, slow } from "./procedure.js";

const address = struct({ type: int, address: str, prefix: uint });

/** Domains: what runs inside them, and what they use. */
export const domainGuest = procedures("domain", {
  /** `source` is an `AddressSource`; a `type` is 0 for IPv4 and 1 for IPv6. */
  interfaceAddresses: slow(
    call(
      353,
      struct({ dom: domain, source: uint, flags }),
      array(struct({ name: str, mac: text, addresses: array(address, 2048) }), 2048),
    ),
  ),
  hostname: slow(call(277, struct({ dom: domain, flags }), str)),
  guestInfo: slow(call(418, struct({ dom: domain, types: uint, flags }), array(typedParam, 2048))),
  setUserPassword: slow(order(357, struct({ dom: domain, user: text, password: text, flags }))),
  setAuthorizedSshKeys: slow(order(425, struct({ dom: domain, user: str, keys: array(str, 2048), flags }))),
  authorizedSshKeys: slow(call(424, struct({ dom: domain, user: str, flags }), array(str, 2048))),
  time: slow(call(337, struct({ dom: domain, flags }), struct({ seconds: long, nanoseconds: uint }))),
  freezeFilesystems: slow(call(335, struct({ dom: domain, mountpoints: array(str, 256), flags }), int)),
  thawFilesystems: slow(call(336, struct({ dom: domain, mountpoints: array(str, 256), flags }), int)),
  /** A download; the answer of the call is the MIME type. */
  screenshot: call(211, struct({ dom: domain, screen: uint, flags }), text),
  sendKey: order(226, struct({ dom: domain, codeset: uint, holdtime: uint, keycodes: array(uint, 16), flags })),
  messages: call(426, struct({ dom: domain, flags }), array(str, 2048)),
  /** KiB for most tags; tag 6 is the balloon's present size. */
  memoryStats: call(159, struct({ dom: domain, max: uint, flags }), array(struct({ tag: int, value: counter }), 1024)),
  /** Bytes and requests since the start; -1 is "not known". */
  blockStats: call(
    64,
    struct({ dom: domain, path: str }),
    struct({
      readRequests: signedCounter,
      readBytes: signedCounter,
      writeRequests: signedCounter,
      writeBytes: signedCounter,
      errors: signedCounter,
    }),
  ),
  /** `device` is the name of the tap on the host. */
  interfaceStats: call(
    65,
    struct({ dom: domain, device: str }),
    struct({
      rxBytes: signedCounter,
      rxPackets: signedCounter,
      rxErrors: signedCounter,
      rxDrops: signedCounter,
      txBytes: signedCounter,
      txPackets: signedCounter,
      txErrors: signedCounter,
      txDrops: signedCounter,
    }),
  ),
  /** `command` and answer are JSON; `timeout` in seconds, or -2 wait, -1 libvirt's default, 0 do not wait. */
  agentCommand: slow(qemu(call(3, struct({ dom: domain, command: str, timeout: int, flags }), text))),
  /** `command` and answer are JSON of QEMU's monitor. It marks the domain as tainted. */
  monitorCommand: qemu(call(1, struct({ dom: domain, command: str, flags }), str)),
});
