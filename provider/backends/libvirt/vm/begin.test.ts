import { expect, it } from "vitest";
import type { LibvirtHost } from "../host.js";
import { DomainState } from "../rpc/flags.js";
import { domainRef } from "../rpc/types.js";
import { Watch } from "../watch.js";
import { begin } from "./begin.js";
import type { Resolved } from "./types.js";

const PAUSED_BY_USER = 1;
const dom = domainRef("m", "3a1f1b2c-0000-4000-8000-000000000001");

/** A host that takes every start, and whose guest is then in that state. */
function hostWhere(state: number, reason: number) {
  const calls: string[] = [];
  const session = {
    on: async () => async () => undefined,
    call: async ({ name }: { readonly name: string }) => {
      calls.push(name);
      return { state, reason };
    },
  };
  const watch = new Watch(session as unknown as LibvirtHost["session"]);
  const host = { session, watch, uri: { hypervisor: "qemu" } } as unknown as LibvirtHost;
  const count = (name: string) => calls.filter((c) => c === `domain.${name}`).length;
  return { host, count };
}

const { signal } = new AbortController();
const machine = (virtualisation: "kvm" | "qemu", powerState = "running") =>
  ({ virtualisation, inputs: { powerState } }) as unknown as Pick<Resolved, "inputs" | "virtualisation">;

it("powers off a guest that KVM stopped by itself, and the error names what chose KVM", async () => {
  const { host, count } = hostWhere(DomainState.paused, 0);
  await expect(begin(host, { dom, machine: machine("kvm"), signal })).rejects.toMatchObject({
    code: "failed",
    // `create` goes on with emulation by this word.
    fact: expect.stringMatching(/KVM/),
    where: { property: "acceleration" },
    hint: expect.stringContaining("crossvisor doctor"),
  });
  expect([count("create"), count("destroy")]).toEqual([1, 1]);
});

it("leaves a guest alone that somebody paused, and asks nothing more once KVM has run one", async () => {
  const { host, count } = hostWhere(DomainState.paused, PAUSED_BY_USER);
  await begin(host, { dom, machine: machine("kvm"), signal });
  const asked = count("state");
  await begin(host, { dom, machine: machine("kvm"), signal });
  expect([count("create"), count("destroy"), count("state")]).toEqual([2, 0, asked]);
});

it.each([
  ["emulated", machine("qemu")],
  ["started paused", machine("kvm", "paused")],
])("does not watch a guest that is %s", async (_, started) => {
  const { host, count } = hostWhere(DomainState.paused, 0);
  await begin(host, { dom, machine: started, signal });
  expect([count("create"), count("state"), count("destroy")]).toEqual([1, 0, 0]);
});
