import { openHost } from "../../provider/backends/libvirt/host.js";
import { connect, events } from "../../provider/backends/libvirt/rpc/index.js";

const DOMAIN = [
  "defined",
  "undefined",
  "started",
  "suspended",
  "resumed",
  "stopped",
  "shutdown",
  "pmsuspended",
  "crashed",
];
const OTHERS = ["defined", "undefined", "started", "stopped", "created", "deleted"];

/** What a host's event stream says of its machines, networks and pools, on a connection of its own. */
export interface Events {
  /** What was heard of an object since the last call, by its UUID; everything that has happened until now is in it. */
  heard(uuid: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function listen(uri: string): Promise<Events> {
  const host = openHost({ uri });
  const { session } = host;
  const heard = new Map<string, string[]>();
  const note = (uuid: string, words: readonly string[], event: number) =>
    heard.set(uuid, [...(heard.get(uuid) ?? []), words[event] ?? String(event)]);
  await session.on(events.domainLifecycle, ({ dom, event }) => note(dom.uuid, DOMAIN, event));
  await session.on(events.networkLifecycle, ({ net, event }) => note(net.uuid, OTHERS, event));
  await session.on(events.poolLifecycle, ({ pool, event }) => note(pool.uuid, OTHERS, event));
  return {
    heard: async (uuid) => {
      // The daemon sends events that are due before it reads the next call, so its answer comes after them.
      await session.call(connect.type, undefined);
      const words = heard.get(uuid) ?? [];
      heard.delete(uuid);
      return words;
    },
    close: () => host.close(),
  };
}
