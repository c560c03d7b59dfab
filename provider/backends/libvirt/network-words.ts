import { ProviderError } from "../../core/errors.js";
import type { Problem } from "../../core/kind.js";
import type { NetworkInputs } from "./network-read.js";

/** libvirt writes names as they are into the files of dnsmasq, where white space and commas part one field from the next. */
const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$/;
const REASON = "must be a host name of letters, digits, dots, dashes and underscores";

/** What is wrong with a declaration by itself, on a libvirt host. Pure. */
export function wordProblems(wanted: Partial<NetworkInputs>): Problem[] {
  const problems: Problem[] = [];
  const name = (path: string, text: string | undefined) => {
    if (text !== undefined && !HOST_NAME.test(text)) problems.push({ path, reason: `${REASON}, not "${text}"` });
  };
  if (wanted.mode === "isolated" && !("cidr" in wanted))
    problems.push({
      path: "cidr",
      reason:
        'is missing: mode "isolated" needs a network such as "192.168.50.0/24"; without the host in it the mode is "private"',
    });
  if (wanted.mode === "bridged" && wanted.mtu !== undefined)
    problems.push({ path: "mtu", reason: 'must not be given with mode "bridged": the host\'s bridge has its own' });
  if (wanted.dns?.domain !== "") name("dns.domain", wanted.dns?.domain);
  wanted.dns?.hosts?.forEach((host, i) => {
    host?.names?.forEach((text, k) => {
      name(`dns.hosts[${i}].names[${k}]`, text);
    });
  });
  const names = wanted.dhcp?.hosts?.map((h) => h?.name) ?? [];
  names.forEach((text, i) => {
    name(`dhcp.hosts[${i}].name`, text);
    if (text !== undefined && names.indexOf(text) < i)
      problems.push({ path: `dhcp.hosts[${i}].name`, reason: `"${text}" is given to two MACs` });
  });
  return problems;
}

/** Throws `invalid` for the first of them. */
export function refuseWords(wanted: NetworkInputs): void {
  const [first] = wordProblems(wanted);
  if (first) throw new ProviderError("invalid", first.reason, { where: { property: first.path } });
}
