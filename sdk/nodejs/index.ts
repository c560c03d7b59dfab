// Generated from provider/kinds by `npm run generate`: do not edit.
export { Host, type HostArgs } from "./host.js";
export * from "./storage-pool.js";
export * from "./volume.js";
export * from "./network.js";
export * from "./virtual-machine.js";
