import { describe, expect, it } from "vitest";
import { type Code, ProviderError } from "../../core/errors.js";
import { Inventory } from "./inventory.js";
import type { Session } from "./rpc/session.js";

/** Answers by the call's name; a text is the code of a refusal. Lists depend on their flags. */
function inventory(answers: Record<string, unknown>) {
  const asked: string[] = [];
  const session = {
    call: async ({ name }: { readonly name: string }, args: { readonly flags?: number }) => {
      asked.push(name);
      const answer = answers[name];
      const value = typeof answer === "function" ? answer(args) : answer;
      if (typeof value === "string") throw new ProviderError(value as Code, name);
      return value;
    },
  };
  return { asked, inventory: new Inventory(session as unknown as Session) };
}

const ref = (name: string) => ({ name, uuid: `uuid-${name}`, id: -1 });
const state = (value: number) => [{ field: "state.state", value }];
const [a, b] = [ref("a"), ref("b")];

describe("what a host holds", () => {
  it("is every domain with its statistics, in two calls for all who ask", async () => {
    const { asked, inventory: i } = inventory({
      "domain.list": [b],
      "domain.allStats": [
        { dom: a, params: state(1) },
        { dom: b, params: state(5) },
      ],
    });
    const [all] = await Promise.all([i.domains(), i.domains(), i.domains()]);
    expect([...all.values()]).toEqual([
      { ref: a, autostart: false, stats: { "state.state": 1 } },
      { ref: b, autostart: true, stats: { "state.state": 5 } },
    ]);
    expect(asked.sort()).toEqual(["domain.allStats", "domain.list"]);
  });

  it("is a list without statistics where the driver has none", async () => {
    const { asked, inventory: i } = inventory({
      "domain.list": ({ flags }: { flags: number }) => (flags === 0 ? [a, b] : [a]),
      "domain.allStats": "unsupported",
    });
    expect([...(await i.domains()).values()]).toEqual([
      { ref: a, autostart: true, stats: undefined },
      { ref: b, autostart: false, stats: undefined },
    ]);
    expect(asked).toHaveLength(3);
    expect(await i.stats([a])).toEqual(new Map());
  });

  it("is nothing on an empty host, and unknown on one that does not answer", async () => {
    expect(await inventory({ "domain.list": [], "domain.allStats": [] }).inventory.domains()).toEqual(new Map());
    for (const call of ["domain.list", "domain.allStats"]) {
      const { inventory: i } = inventory({ "domain.list": [a], "domain.allStats": [], [call]: "dropped" });
      await expect(i.domains()).rejects.toMatchObject({ code: "dropped" });
    }
  });

  it.each([
    ["networks", "network.list"],
    ["pools", "pool.list"],
  ] as const)("is every one of its %s with what runs and what starts with the host", async (what, call) => {
    const lists = new Map([
      [0, [a, b]],
      [2, [a]],
    ]);
    const { asked, inventory: i } = inventory({ [call]: ({ flags }: { flags: number }) => lists.get(flags) ?? [b] });
    const found = await i[what]();
    expect(found.get("uuid-a")).toEqual({ ref: a, active: true, autostart: false });
    expect(found.get("uuid-b")).toEqual({ ref: b, active: false, autostart: true });
    expect(asked).toEqual([call, call, call]);
  });

  it("is asked for again after a write of ours, one by one from then on", async () => {
    const { asked, inventory: i } = inventory({ "secret.list": [] });
    await i.secrets();
    await i.secrets();
    expect([asked.length, i.fresh]).toEqual([1, true]);
    i.forget();
    await i.secrets();
    expect([asked.length, i.fresh]).toEqual([2, false]);
  });

  it("has no secrets where the driver keeps none, and unknown ones where it does not answer", async () => {
    expect(await inventory({ "secret.list": "unsupported" }).inventory.secrets()).toEqual([]);
    await expect(inventory({ "secret.list": "timeout" }).inventory.secrets()).rejects.toMatchObject({
      code: "timeout",
    });
  });

  it("reads a pool anew before its volumes, and shares leases and descriptions by network and flags", async () => {
    const { asked, inventory: i } = inventory({
      "pool.refresh": undefined,
      "pool.volumes": [],
      "network.leases": [],
      "network.xml": () => ({}),
    });
    await Promise.all([i.volumes(a), i.volumes(a)]);
    expect(asked).toEqual(["pool.refresh", "pool.volumes"]);
    await Promise.all([i.leases(a), i.leases(a), i.leases(b), i.networkXml(a), i.networkXml(a, 1), i.networkXml(a)]);
    expect(asked.slice(2).sort()).toEqual(["network.leases", "network.leases", "network.xml", "network.xml"]);
  });
});
