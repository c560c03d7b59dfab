import type { Driver } from "../../core/driver.js";
import type { Problem } from "../../core/kind.js";
import { formatLimits } from "./formats.js";
import type { LibvirtHost } from "./host.js";
import { listed } from "./inventory.js";
import { create } from "./vm/create.js";
import { effects } from "./vm/effects.js";
import { examine } from "./vm/examine.js";
import { observe } from "./vm/observe.js";
import { remove } from "./vm/remove.js";
import type { Machine, MachineInputs } from "./vm/types.js";
import { update } from "./vm/update.js";

type Declared = Partial<MachineInputs>;
type Disk = Partial<NonNullable<Declared["disks"]>[number]>;
type Nic = Partial<NonNullable<Declared["networks"]>[number]>;

const limits = ({ disks = [], networks = [] }: Declared): readonly Problem[] => [
  ...disks.flatMap((disk: Disk | undefined, i) => formatLimits(`disks[${i}].format`, disk?.format)),
  ...networks.flatMap((nic: Nic | undefined, i) =>
    nic?.vlan === undefined
      ? []
      : [
          {
            path: `networks[${i}].vlan`,
            reason: "must not be given on this host: its bridges tag nothing; make a bridge over the VLAN's interface",
          },
        ],
  ),
];

/** Virtual machines are libvirt domains; their id is the domain's UUID. */
export const virtualMachine: Driver<Machine, LibvirtHost> = {
  support: {
    owner: true,
    adopt: true,
    name: true,
    description: true,
    tags: true,
    cpus: true,
    maxCpus: true,
    memory: true,
    maxMemory: true,
    dynamicMemory: "not supported: the host moves no memory by itself; set maxMemory, and change memory while it runs",
    firmware: true,
    secureBoot: true,
    tpm: true,
    guest: true,
    acceleration: true,
    disks: true,
    cdrom: true,
    networks: true,
    cloudInit: true,
    powerState: true,
    autostart: true,
    shutdown: true,
    restartPolicy: true,
    allowSnapshotLoss: true,
    waitForAddress: true,
  },
  limits,
  effects,
  list: async ({ inventory }) => listed(await inventory.domains()),
  examine,
  observe,
  create,
  update,
  remove,
};
