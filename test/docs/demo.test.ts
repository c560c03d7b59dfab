import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { guestRequirements } from "../hosts/guest.js";
import { requirements } from "../hosts/libvirtd.js";
import { pulumiTools } from "../pulumi/requirements.js";
import { run } from "../pulumi/run.js";
import { ROOT } from "./project.js";

const tools = pulumiTools();
const missing = requirements() ?? guestRequirements() ?? (typeof tools === "string" ? tools : undefined);

describe.skipIf(missing !== undefined)(`the demo${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  it("does all that it shows in less than 5 minutes, and leaves nothing", async () => {
    const { code, stdout, stderr } = await run(join(ROOT, "tools/demo"), [], { cwd: "/", timeout: 300_000 });
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^demo: all of it worked, in \d+ s\n$/m);
    const folder = /socket=(.*)\/run\/libvirt-sock$/m.exec(stdout)?.[1];
    expect(folder).toBeDefined();
    expect(existsSync(folder ?? "/"), "the host's folder").toBe(false);
  }, 310_000);
});
