import { type Code, ProviderError } from "../core/errors.js";
import type { SshOptions } from "./ssh-options.js";

interface Meaning {
  readonly code: Code;
  fact(name: string): string;
  readonly hint: string;
}

const NETWORK = "Check that the host is up, that the network or VPN leads to it, and that an SSH server answers there.";

/** What OpenSSH (9.2) prints before it ends with status 255, in the order of looking. */
const MEANINGS: readonly (readonly [RegExp, Meaning])[] = [
  [
    /HOST IDENTIFICATION HAS CHANGED|host key .* has changed/i,
    {
      code: "denied",
      fact: (name) => `the host key of ${name} has changed`,
      hint: "If the host was reinstalled, remove the old key with ssh-keygen -R and connect once with ssh; else somebody may sit between you and the host.",
    },
  ],
  [
    /revoked host key|is marked as revoked|REVOKED HOST KEY/i,
    {
      code: "denied",
      fact: (name) => `the host key of ${name} is revoked`,
      hint: "Give the host a new key: whoever holds this one can pose as the host.",
    },
  ],
  [
    /Certificate invalid: expired|certificate (has )?expired/i,
    {
      code: "denied",
      fact: (name) => `the host certificate of ${name} has expired`,
      hint: "Have it signed again by the authority that known_hosts names.",
    },
  ],
  [
    /Certificate invalid|not a listed principal|certificate host .* does not match/i,
    {
      code: "denied",
      fact: (name) => `the host certificate of ${name} is not valid for it`,
      hint: "Use a name that the certificate lists, or have one signed for this name (ssh-keygen -s CA -h -n NAME).",
    },
  ],
  [
    /host key is known|Host key verification failed|No matching host key fingerprint/i,
    {
      code: "denied",
      fact: (name) => `the host key of ${name} is not known, nor signed by a known authority`,
      hint: "Compare its fingerprint and connect once with ssh, or add the authority to known_hosts (@cert-authority).",
    },
  ],
  [
    /Permission denied|Too many authentication failures|no more authentication methods/i,
    {
      code: "denied",
      fact: (name) => `${name} refused the login`,
      hint: "Try it with ssh -o BatchMode=yes. Keys with a passphrase must be in the agent, or set crossvisor:passphrase.",
    },
  ],
  [
    /Could not resolve hostname/i,
    {
      code: "unreachable",
      fact: (name) => `the name ${name} cannot be resolved`,
      hint: "Check the spelling and DNS, or add HostName for it to ~/.ssh/config.",
    },
  ],
  [/Connection refused/i, { code: "unreachable", fact: (name) => `${name} refuses connections`, hint: NETWORK }],
  [/timed out|timeout/i, { code: "timeout", fact: (name) => `${name} was not logged in to in time`, hint: NETWORK }],
  [
    /Bad configuration option|Unsupported option|terminating, \d+ bad config|Bad owner or permissions/i,
    {
      code: "invalid",
      fact: () => "ssh does not take its configuration",
      hint: "ssh -G HOST prints what is wrong with it.",
    },
  ],
];

/** Why ssh ended before the stream began: its status is always 255, and its words tell. */
export function opensshError({ host, user, port }: SshOptions, stderr: string): ProviderError {
  const name = `${user === undefined ? "" : `${user}@`}${host}${port === undefined ? "" : `:${port}`}`;
  const said = stderr === "" ? "" : ` (${stderr.replace(/[.\s]+$/, "")})`;
  const meaning = MEANINGS.find(([pattern]) => pattern.test(stderr))?.[1];
  if (meaning !== undefined)
    return new ProviderError(meaning.code, `${meaning.fact(name)}${said}`, { hint: meaning.hint });
  return new ProviderError("unreachable", `the SSH connection to ${name} failed${said}`, { hint: NETWORK });
}
