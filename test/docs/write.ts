import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hypervParts } from "./hyperv.js";
import { libvirtParts } from "./libvirt.js";
import { withParts } from "./parts.js";
import { withReference } from "./reference.js";

const renew = (name: string, make: (text: string) => string): void => {
  const path = join(__dirname, "../..", name);
  writeFileSync(path, make(readFileSync(path, "utf8")));
};

renew("README.md", withReference);
renew("docs/libvirt.md", (text) => withParts(text, libvirtParts));
renew("docs/hyperv.md", (text) => withParts(text, hypervParts));
