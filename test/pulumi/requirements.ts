import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const TOOLS = ["pulumi", "pulumi-language-nodejs"] as const;
export type Tool = (typeof TOOLS)[number];

/**
 * Where Pulumi's programs are: in the folders of `CROSSVISOR_TEST_PULUMI_BIN`, else on PATH. A text is the reason why
 * a test that needs them is skipped.
 */
export function pulumiTools(): Readonly<Record<Tool, string>> | string {
  const folders = [process.env["CROSSVISOR_TEST_PULUMI_BIN"], process.env["PATH"]]
    .flatMap((list) => (list ?? "").split(delimiter))
    .filter((folder) => folder !== "");
  const found = TOOLS.map((tool) => [tool, folders.map((f) => join(f, tool)).find(runs)] as const);
  const missing = found.filter(([, path]) => path === undefined).map(([tool]) => tool);
  if (missing.length > 0)
    return `${missing.join(" and ")} not found: install Pulumi, or set CROSSVISOR_TEST_PULUMI_BIN to its folder`;
  return Object.fromEntries(found) as Record<Tool, string>;
}

function runs(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
