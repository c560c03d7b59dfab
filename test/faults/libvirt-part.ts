import { join } from "node:path";
import type { LibvirtFault } from "./faults.js";
import { type Driver, openLibvirtLab } from "./libvirt-lab.js";
import { type Ground, libvirtScenarios } from "./libvirt-scenarios.js";
import { makeImages } from "./patterns.js";
import { type Part, part } from "./suite.js";
import { placeOf } from "./trial.js";

/** Titles are known before any host is. */
const NOWHERE: Omit<Ground, "driver"> = { pools: "", images: { qcow2: "", raw: "" } };

interface LibvirtPart extends Pick<Part, "sampled"> {
  readonly driver: Driver;
  readonly over: "socket" | "ssh";
  readonly faults: readonly LibvirtFault[];
}

/** A part whose hosts are private libvirt daemons. */
export const libvirtPart = (name: string, { driver, over, ...more }: LibvirtPart): void =>
  part(name, {
    ...more,
    titles: libvirtScenarios({ ...NOWHERE, driver }).map(({ title }) => title),
    open: async () => {
      const lab = await openLibvirtLab(driver, over);
      const images = await makeImages(join(lab.daemon.root, "images"), ["0 2560k", "3M 64k"]);
      return placeOf(lab, libvirtScenarios({ driver, pools: lab.daemon.pools, images }));
    },
  });
