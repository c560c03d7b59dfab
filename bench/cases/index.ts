import type { Lab } from "../lab.js";
import type { Result } from "../report.js";
import { answer } from "./answer.js";
import { hyperv } from "./hyperv.js";
import { lease } from "./lease.js";
import { lifecycle } from "./lifecycle.js";
import { refresh } from "./refresh.js";
import { upload } from "./upload.js";

/** Everything that is measured, each on a new private host. */
export const cases = { answer, refresh, lifecycle, upload, lease, hyperv } satisfies Readonly<
  Record<string, (lab: Lab) => Promise<readonly Result[]>>
>;
export type CaseName = keyof typeof cases;
export const isCase = (name: string): name is CaseName => Object.hasOwn(cases, name);
