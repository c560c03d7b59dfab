import type { Problem } from "../core/kind.js";
import { checkMetaData, checkUserData, networkConfig, seed } from "./nocloud.js";

/** A machine, and what it is told at its first boot. */
export interface Told {
  readonly name: string;
  readonly cloudInit?:
    | {
        readonly userData?: string | undefined;
        readonly metaData?: string | undefined;
        /** Default: each interface by its MAC, with the address that its network gave to it. */
        readonly networkConfig?: string | undefined;
      }
    | undefined;
}

/** An interface, and the address that its network gave to it, where it gave one. */
export interface SeedNic {
  readonly mac: string;
  readonly address?:
    | {
        readonly address: string;
        readonly prefix: number;
        readonly gateway?: string | undefined;
        readonly dns: readonly string[];
      }
    | undefined;
}

/** What is wrong with the data, before anything is made. */
export function firstBootProblems({ userData, metaData }: NonNullable<Told["cloudInit"]>): readonly Problem[] {
  const reasons = {
    userData: userData === undefined ? undefined : checkUserData(userData),
    metaData: metaData === undefined ? undefined : checkMetaData(metaData),
  };
  return Object.entries(reasons).flatMap(([name, reason]) =>
    reason === undefined ? [] : [{ path: `cloudInit.${name}`, reason }],
  );
}

/** Name of a host as RFC 1123 wants it, from a machine's name. */
export const hostnameOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 63)
    .replace(/-+$/, "") || "guest";

/**
 * The first-boot data as an image; `undefined` where none is declared. The instance id is the machine's and does not
 * come from the data: an edit of it does not make a guest that has booted run it as a new machine would.
 */
export function seedBytes(
  instanceId: string,
  { name, cloudInit }: Told,
  nics: readonly SeedNic[],
): Uint8Array | undefined {
  if (cloudInit === undefined) return undefined;
  return seed({
    instanceId,
    hostname: hostnameOf(name),
    ...(cloudInit.userData === undefined ? {} : { userData: cloudInit.userData }),
    ...(cloudInit.metaData === undefined ? {} : { metaData: cloudInit.metaData }),
    networkConfig: cloudInit.networkConfig ?? networkConfig(nics.map(nicConfig)),
  });
}

const nicConfig = ({ mac, address: a }: SeedNic) => ({
  mac,
  ...(a === undefined ? {} : { address: `${a.address}/${a.prefix}` }),
  ...(a?.gateway === undefined ? {} : { gateway: a.gateway }),
  ...(a === undefined || a.dns.length === 0 ? {} : { dns: a.dns }),
});
