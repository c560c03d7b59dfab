import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** An authority that issues certificates into one folder. */
export interface Authority {
  readonly cert: string;
  issue(name: string, what: Issue): Pair;
}

export interface Issue {
  /** Common name. */
  readonly subject: string;
  /** `DNS:…`, `IP:…`, with commas between. */
  readonly names?: string | undefined;
  readonly expired?: boolean | undefined;
}

/** Paths of a certificate and its key. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

const openssl = (...words: string[]): void => {
  execFileSync("openssl", words, { stdio: ["ignore", "ignore", "pipe"] });
};

/** Makes a certificate authority in `folder`. */
export function authority(folder: string, name: string): Authority {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const subject = ["-subj", `/CN=crossvisor test ${name}`];
  openssl(
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    ...subject,
    "-keyout",
    key,
    "-out",
    cert,
  );
  let serial = 100;
  return {
    cert,
    issue: (file, { subject: common, names, expired }) => {
      const at = (end: string): string => join(folder, `${file}.${end}`);
      const pair = { cert: at("pem"), key: at("key") };
      openssl(
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        `/CN=${common}`,
        "-keyout",
        pair.key,
        "-out",
        at("csr"),
      );
      writeFileSync(at("ext"), names === undefined ? "basicConstraints=CA:FALSE\n" : `subjectAltName=${names}\n`);
      serial += 1;
      const signed = ["-CA", cert, "-CAkey", key, "-set_serial", String(serial), "-extfile", at("ext")];
      // The day before yesterday has ended for certain.
      openssl("x509", "-req", "-in", at("csr"), ...signed, "-days", expired ? "-1" : "2", "-out", pair.cert);
      return pair;
    },
  };
}

export const text = (path: string): string => readFileSync(path, "utf8");
