import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fingerprint, judgeKey, keyType, knownTypes, parseKnownHosts } from "./known-hosts.js";

const wire = (type: string, body: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.from(body)]);
};
const ed = wire("ssh-ed25519", "first");
const ed2 = wire("ssh-ed25519", "second");
const rsa = wire("ssh-rsa", "third");
const line = (hosts: string, key: Buffer): string => `${hosts} ${keyType(key)} ${key.toString("base64")}`;
const hashed = (name: string): string => {
  const salt = Buffer.from("0123456789abcdefghij");
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
};
const judge = (text: string, host: string, port = 22, key = ed): string =>
  judgeKey(parseKnownHosts(text, "kh"), host, port, key).is;

describe("known_hosts", () => {
  test.each([
    ["a plain name", line("kvm1", ed), "kvm1", 22],
    ["a name in other case", line("kvm1", ed), "KVM1", 22],
    ["a list of names and addresses", line("kvm1,10.0.0.7", ed), "10.0.0.7", 22],
    ["a wildcard", line("*.lab.example", ed), "kvm1.lab.example", 22],
    ["a question mark", line("kvm?", ed), "kvm1", 22],
    ["a port", line("[kvm1]:2222", ed), "kvm1", 2222],
    ["an IPv6 address", line("fd00::1", ed), "fd00::1", 22],
    ["an IPv6 address with a port", line("[fd00::1]:2222", ed), "fd00::1", 2222],
    ["a hashed name", line(hashed("kvm1"), ed), "kvm1", 22],
    ["a hashed name with a port", line(hashed("[kvm1]:2222"), ed), "kvm1", 2222],
    ["a line without the port", line("kvm1", ed), "kvm1", 2222],
    [
      "comments, blank lines and damage around it",
      `# kvm1\n\nkvm1\n@what kvm1 x y\r\n${line("kvm1", ed)} note\r\n`,
      "kvm1",
      22,
    ],
    ["a second key of the same type", `${line("kvm1", ed2)}\n${line("kvm1", ed)}`, "kvm1", 22],
  ])("%s is known", (_, text, host, port) => {
    expect(judge(text, host, port)).toBe("known");
  });

  test.each([
    ["another host", line("kvm1", ed), "kvm2", 22],
    ["a question mark is one character", line("kvm?", ed), "kvm", 22],
    ["a dot is no wildcard", line("kvm1.lab", ed), "kvm1xlab", 22],
    ["a negated pattern", line("*.lab,!kvm1.lab", ed), "kvm1.lab", 22],
    ["a port that is not listed", line("[kvm1]:2222", ed), "kvm1", 22],
    ["another key of a line without the port", line("kvm1", ed2), "kvm1", 2222],
    ["another hashed name", line(hashed("kvm1"), ed), "kvm2", 22],
    ["a hash of an unknown kind", line("|2|AAAA|BBBB", ed), "kvm1", 22],
  ])("%s is unknown", (_, text, host, port) => {
    expect(judge(text, host, port)).toBe("unknown");
  });

  test("another key of the same type is a change, of another type is not", () => {
    expect(judge(`\n${line("kvm1", ed2)}`, "kvm1")).toBe("changed");
    expect(judgeKey(parseKnownHosts(`\n${line("kvm1", ed2)}`, "kh"), "kvm1", 22, ed)).toMatchObject({
      entry: { file: "kh", line: 2 },
    });
    expect(judge(line("kvm1", rsa), "kvm1")).toBe("other-type");
  });

  test("a revoked key is refused even where it is known, another key is not touched by it", () => {
    expect(judge(`${line("kvm1", ed)}\n@revoked ${line("*", ed)}`, "kvm1")).toBe("revoked");
    expect(judge(`@revoked ${line("kvm1", ed)}`, "kvm1", 2222)).toBe("revoked");
    expect(judge(`${line("kvm1", ed)}\n@revoked ${line("*", ed2)}`, "kvm1")).toBe("known");
  });

  test("a certificate authority alone is recognised, a plain key beside it wins", () => {
    expect(judge(`@cert-authority ${line("*.lab", rsa)}`, "kvm1.lab")).toBe("authority");
    expect(judge(`@cert-authority ${line("*.lab", rsa)}\n${line("kvm1.lab", ed)}`, "kvm1.lab")).toBe("known");
  });

  test("the types known for a host leave out revoked keys and authorities", () => {
    const text = [line("kvm1", rsa), line("[kvm1]:2222", ed), `@revoked ${line("kvm1", ed2)}`, line("kvm2", ed)];
    const entries = parseKnownHosts(text.join("\n"), "kh");
    expect(knownTypes(entries, "kvm1", 2222)).toEqual(["ssh-ed25519", "ssh-rsa"]);
    expect(knownTypes(entries, "kvm1", 22)).toEqual(["ssh-rsa"]);
  });

  test("the fingerprint is the one ssh-keygen prints", () => {
    const key = Buffer.from("AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl", "base64");
    expect(fingerprint(key)).toBe("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
  });
});
