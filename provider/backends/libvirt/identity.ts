import { createHash } from "node:crypto";

/** Root of the name-based UUIDs of crossvisor (RFC 9562, version 5). Never changes: it decides what is ours. */
const ROOT = Buffer.from("6f1b0e7c5d8e4f0aa2f39c1d7be84c55", "hex");

/** XML namespace of what crossvisor writes into the metadata of domains and networks. */
export const NAMESPACE = "urn:crossvisor:object:1";

/**
 * The UUID of an object: the same for the same owner, kind and name, so that a broken-off creation is found again, and
 * so that a UUID alone proves who made an object.
 */
export function uuidOf(kind: string, owner: string, name: string): string {
  const hash = createHash("sha1")
    .update(ROOT)
    .update(JSON.stringify([kind, owner, name]))
    .digest()
    .subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/**
 * Whether a UUID has the form of those that `uuidOf` makes: of version 5, which neither libvirt (version 4) nor its tools
 * give. It does not tell whose the object is.
 */
export const isOurUuid = (uuid: string): boolean => /^.{14}5/.test(uuid);
