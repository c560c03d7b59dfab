import { expect, it } from "vitest";
import type { Step } from "../../../core/driver.js";
import { ProviderError } from "../../../core/errors.js";
import type { LibvirtHost } from "../host.js";
import { DomainState } from "../rpc/flags.js";
import { domainRef } from "../rpc/types.js";
import { Watch } from "../watch.js";
import { parseXml } from "../xml.js";
import { powerOff, stop } from "./power.js";

const UUID = "3a1f1b2c-0000-4000-8000-000000000001";
const dom = domainRef("m", UUID);
const live = parseXml(`<domain><name>m</name><uuid>${UUID}</uuid></domain>`, "it");
const step: Step = { made: () => undefined, report: () => undefined, signal: new AbortController().signal };
const policy = { method: "acpi", timeout: 30, onTimeout: "force" } as const;
const died = () => new ProviderError("failed", "operation failed: domain is no longer running");

/** A host whose guest fails every order and is then in these states, one for each look; the last one stays. */
function hostWhere(states: number[], error: ProviderError): LibvirtHost {
  const session = {
    on: async () => async () => undefined,
    call: async ({ name }: { readonly name: string }) => {
      if (name !== "domain.state") throw error;
      return { state: states.length > 1 ? states.shift() : states[0] };
    },
  };
  const watch = new Watch(session as unknown as LibvirtHost["session"]);
  return { session, watch, uri: { hypervisor: "qemu" } } as unknown as LibvirtHost;
}

const { running, paused, shutoff } = DomainState;

it.each([
  ["runs", [running, running, shutoff]],
  ["is paused", [paused, paused, shutoff]],
])("a guest that %s and ends by itself while it is asked to is off", async (_what, states) => {
  await stop(hostWhere([...states], died()), live, policy, step);
  await powerOff(hostWhere([...states], died()), dom);
});

it("what fails for another reason is told, of a refusal at once", async () => {
  const refused = hostWhere([running], new ProviderError("denied", "no"));
  await expect(stop(refused, live, policy, step)).rejects.toMatchObject({ code: "denied" });
  await expect(powerOff(refused, dom)).rejects.toMatchObject({ code: "denied" });
  await expect(powerOff(hostWhere([running], died()), dom)).rejects.toMatchObject({ code: "failed" });
}, 20_000);
