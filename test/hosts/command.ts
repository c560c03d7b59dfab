import { readlink, rm, symlink } from "node:fs/promises";
import { type LibvirtHost, openLibvirtd, requirements, startLibvirtd } from "./libvirtd.js";

const opened = async (link: string): Promise<LibvirtHost> => openLibvirtd(await readlink(link));

const verbs: Readonly<Record<string, (link: string, words: readonly string[]) => Promise<string>>> = {
  up: async (link) => {
    const reason = requirements();
    if (reason !== undefined) throw new Error(`a private libvirt host ${reason}`);
    const running = await opened(link).catch(() => undefined);
    if (running !== undefined) return `${running.uri}\n`;
    const host = await startLibvirtd({ free: true });
    await rm(link, { force: true });
    await symlink(host.root, link);
    return `${host.uri}\n`;
  },
  down: async (link) => {
    const host = await opened(link).catch(() => undefined);
    await host?.stop();
    await rm(link, { force: true });
    return "";
  },
  get: async (link, [url]) => {
    if (url === undefined) throw new Error("which URL?");
    return (await opened(link)).get(url);
  },
  run: async (link, words) => (await opened(link)).exec(words),
};

const main = async ([verb, link, ...words]: readonly string[]): Promise<void> => {
  const action = verb === undefined ? undefined : verbs[verb];
  if (action === undefined || link === undefined) throw new Error("usage: tools/host up|down|get|run LINK ...");
  process.stdout.write(await action(link, words));
};

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`tools/host: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
