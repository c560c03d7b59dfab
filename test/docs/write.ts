import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withReference } from "./reference.js";

const path = join(__dirname, "../../README.md");
writeFileSync(path, withReference(readFileSync(path, "utf8")));
