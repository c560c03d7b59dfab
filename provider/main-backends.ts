import type { AnyBackend } from "./backends/backend.js";
import type { OpenHost } from "./core/engine.js";
import { ProviderError } from "./core/errors.js";
import type { HostSettings } from "./core/settings.js";

/** Each backend with the first words of its URIs' schemes (`qemu` of `qemu+ssh`), loaded when a URI needs it. */
const backends: Readonly<Record<string, () => Promise<AnyBackend>>> = {
  hyperv: async () => (await import("./backends/hyperv/index.js")).hyperv,
  memory: async () => (await import("./backends/memory/index.js")).memory,
  qemu: async () => (await import("./backends/libvirt/index.js")).libvirt,
  test: async () => (await import("./backends/libvirt/index.js")).libvirt,
};

/** The host of a URI, opened by the backend that its scheme means, without a call. Throws `invalid` for any other. */
export async function openHost(settings: HostSettings): Promise<OpenHost> {
  const scheme = /^([a-z]+)(\+[a-z0-9]+)*:/i.exec(settings.uri)?.[1]?.toLowerCase() ?? "";
  const load = Object.hasOwn(backends, scheme) ? backends[scheme] : undefined;
  if (load === undefined)
    throw new ProviderError("invalid", `"${settings.uri}" begins with none of ${Object.keys(backends).join(", ")}`, {
      where: { property: "crossvisor:uri" },
      hint: 'Set it to a URI such as "qemu:///system", "qemu+ssh://user@host/system" or "hyperv+ssh://user@host".',
    });
  return (await load()).host(settings);
}
