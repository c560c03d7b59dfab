import { describe, expect, it } from "vitest";
import { ProviderError } from "../../core/errors.js";
import { untilAnswered } from "./answered.js";

describe("a call that may happen twice", () => {
  const failing = (code: "dropped" | "failed", times: number) => {
    let calls = 0;
    const call = async () => {
      calls++;
      if (calls <= times) throw new ProviderError(code, "no");
      return calls;
    };
    return { call, calls: () => calls };
  };

  it("is made again when its answer was lost, three times in all", async () => {
    expect(await untilAnswered(failing("dropped", 2).call)).toBe(3);
    const hopeless = failing("dropped", 9);
    await expect(untilAnswered(hopeless.call)).rejects.toMatchObject({ code: "dropped" });
    expect(hopeless.calls()).toBe(3);
  });

  it("is not made again when it was refused", async () => {
    const refused = failing("failed", 9);
    await expect(untilAnswered(refused.call)).rejects.toMatchObject({ code: "failed" });
    expect(refused.calls()).toBe(1);
  });
});
