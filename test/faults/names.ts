import {
  connect,
  domainChange,
  domainGuest,
  domains,
  events,
  host,
  networks,
  nwfilters,
  pools,
  secrets,
  volumes,
} from "../../provider/backends/libvirt/rpc/index.js";
import { type Header, MessageType, Program } from "../../provider/backends/libvirt/rpc/wire.js";

const AREAS = [connect, host, domains, domainChange, domainGuest, networks, nwfilters, pools, secrets, volumes];
const key = (program: number, number: number) => `${program} ${number}`;
const NAMES = new Map(
  [
    ...AREAS.flatMap((area) => Object.values(area)),
    ...Object.values(events).flatMap(({ register, deregister }) => [register, deregister]),
  ].map(({ program, number, name }) => [key(program, number), name]),
);

/** What a message of a client is: `domain.define`, or `volume.upload: data` for a piece of an upload. */
export function nameOf({ program, procedure, type }: Header): string {
  const qemu = program === Program.qemu ? "qemu " : "";
  const name = NAMES.get(key(program, procedure)) ?? `${qemu}procedure ${procedure}`;
  return type === MessageType.call ? name : `${name}: data`;
}
