import { events } from "../../provider/backends/libvirt/rpc/index.js";
import { type Header, MessageType, Program } from "../../provider/backends/libvirt/rpc/wire.js";
import { areas } from "../rpc/libvirtd.js";

const key = (program: number, number: number) => `${program} ${number}`;
const NAMES = new Map(
  [
    ...areas.flatMap((area) => Object.values(area)),
    ...Object.values(events).flatMap(({ register, deregister }) => [register, deregister]),
  ].map(({ program, number, name }) => [key(program, number), name]),
);

/** What a message of a client is: `domain.define`, or `volume.upload: data` for a piece of an upload. */
export function nameOf({ program, procedure, type }: Header): string {
  const qemu = program === Program.qemu ? "qemu " : "";
  const name = NAMES.get(key(program, procedure)) ?? `${qemu}procedure ${procedure}`;
  return type === MessageType.call ? name : `${name}: data`;
}
