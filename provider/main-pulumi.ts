import { pulumiFace } from "./faces/pulumi/index.js";
import { openHost } from "./main-backends.js";

/** What every state file names in its resources: stable for ever. `kind` is a class name: "VirtualMachine". */
export const provider = pulumiFace(openHost);
