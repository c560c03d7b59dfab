import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodejsFiles } from "./generate-nodejs.js";

for (const [name, text] of Object.entries(nodejsFiles())) writeFileSync(join(__dirname, "nodejs", name), text);
