/**
 * How long an answer about a whole host may be shared once it is there: as long as one refresh of many resources takes to
 * ask. A slow host may take longer than that to answer.
 */
const SHARED_MS = 10_000;

/** Answers about a whole host, asked once and shared by all who ask at about the same time. */
export class Memo {
  private readonly kept = new Map<string, { until: number; readonly answer: Promise<unknown> }>();

  /** The kept answer for `key`, or a new one. A failure is not kept. */
  share<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.kept.get(key);
    if (known && Date.now() < known.until) return known.answer as Promise<T>;
    const answer = ask();
    const entry = { until: Number.POSITIVE_INFINITY, answer };
    this.kept.set(key, entry);
    answer.then(
      () => {
        entry.until = Date.now() + SHARED_MS;
      },
      () => {
        if (this.kept.get(key) === entry) this.kept.delete(key);
      },
    );
    return answer;
  }

  forget(): void {
    this.kept.clear();
  }
}
