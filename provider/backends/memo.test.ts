import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Memo } from "./memo.js";

describe("shared answers", () => {
  afterEach(() => void vi.useRealTimers());
  let asked = 0;
  const ask = async () => {
    asked += 1;
    return asked;
  };
  beforeEach(() => {
    vi.useFakeTimers();
    asked = 0;
  });

  it("are asked for once by all who ask at about the same time", async () => {
    const memo = new Memo();
    expect(await Promise.all([memo.share("a", ask), memo.share("a", ask), memo.share("b", ask)])).toEqual([1, 1, 2]);
    vi.advanceTimersByTime(9_999);
    expect(await memo.share("a", ask)).toBe(1);
  });

  it("are asked for again after ten seconds, counted from the answer: a slow host is asked once too", async () => {
    const memo = new Memo();
    const slow = memo.share("a", async () => {
      await new Promise((resolve) => setTimeout(resolve, 30_000));
      return ask();
    });
    vi.advanceTimersByTime(29_999);
    const late = memo.share("a", ask);
    await vi.advanceTimersByTimeAsync(1);
    expect(await Promise.all([slow, late])).toEqual([1, 1]);
    vi.advanceTimersByTime(9_999);
    expect(await memo.share("a", ask)).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await memo.share("a", ask)).toBe(2);
  });

  it("are forgotten, and one that arrives later does not come back", async () => {
    const memo = new Memo();
    let answer: (value: string) => void = () => undefined;
    const old = memo.share(
      "a",
      () =>
        new Promise<string>((resolve) => {
          answer = resolve;
        }),
    );
    memo.forget();
    const fresh = memo.share("a", async () => "new");
    answer("old");
    expect(await old).toBe("old");
    expect(await fresh).toBe("new");
    expect(await memo.share("a", async () => "newer")).toBe("new");
  });

  it("are not kept when they are failures: all who wait get it, the next one asks again", async () => {
    const memo = new Memo();
    const fail = async () => {
      asked += 1;
      throw new Error("no");
    };
    const both = await Promise.allSettled([memo.share("a", fail), memo.share("a", fail)]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(asked).toBe(1);
    expect(await memo.share("a", ask)).toBe(2);
  });

  it("keep a newer answer when an older, forgotten one fails", async () => {
    const memo = new Memo();
    let fail: (error: Error) => void = () => undefined;
    const old = memo.share(
      "a",
      () =>
        new Promise<number>((_, reject) => {
          fail = reject;
        }),
    );
    memo.forget();
    await memo.share("a", ask);
    fail(new Error("late"));
    await expect(old).rejects.toThrow("late");
    expect(await memo.share("a", ask)).toBe(1);
  });
});
