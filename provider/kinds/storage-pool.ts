import { kind } from "../core/kind.js";
import { choice, flag, text } from "../core/schema.js";
import { checkAbsolutePath, checkName, common, sameName } from "./common.js";

export const StoragePool = kind({
  name: "StoragePool",
  title: "storage pool",
  doc: "A directory of the host that holds volumes.",
  properties: {
    ...common,
    // Its mark proves an owner and does not tell who that is.
    owner: { ...common.owner, unobserved: true },
    name: text({
      doc: "Name on the host. Default: the resource's name.",
      required: true,
      onChange: "replace",
      check: checkName,
    }),
    path: text({
      doc: "Absolute path of the directory on the host. It is made when it is missing.",
      required: true,
      onChange: "replace",
      check: checkAbsolutePath,
    }),
    autostart: flag({ doc: "Start it when the host starts.", default: true, examples: [true, false] }),
    active: flag({
      doc: "Whether it is started. One that somebody else stopped is started again; `false` stops it: then its volumes cannot be read or changed.",
      default: true,
      examples: [true, false],
    }),
    onDelete: choice(["keep", "delete"], {
      doc: "`keep`: deletion takes the pool from the host's list and leaves the directory with everything in it. `delete`: the directory is removed too, if it is empty.",
      default: "keep",
      policy: true,
    }),
  },
  outputs: {
    capacity: text({ doc: "Bytes of the file system, as a decimal number in text.", required: true }),
    available: text({ doc: "Free bytes, as a decimal number in text.", required: true }),
    active: flag({ doc: "Whether it is started.", required: true }),
    host: text({ doc: "The host it is on.", required: true }),
  },
  clash: (mine, other, who) => [
    ...sameName(mine, other, who),
    ...(mine.path !== undefined && mine.path === other.path
      ? [{ path: "path", reason: `"${mine.path}" is the directory of ${who} too: give each one of its own` }]
      : []),
  ],
});
