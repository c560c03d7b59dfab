/** How long an answer about a whole host may be shared: as long as one refresh of many resources takes to ask. */
const SHARED_MS = 10_000;

/** Answers about a whole host, asked once and shared by all who ask at about the same time. */
export class Memo {
  private readonly kept = new Map<string, { readonly at: number; readonly answer: Promise<unknown> }>();

  /** The kept answer for `key`, or a new one. A failure is not kept. */
  share<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.kept.get(key);
    if (known && Date.now() - known.at < SHARED_MS) return known.answer as Promise<T>;
    const answer = ask();
    this.kept.set(key, { at: Date.now(), answer });
    answer.catch(() => {
      if (this.kept.get(key)?.answer === answer) this.kept.delete(key);
    });
    return answer;
  }

  forget(): void {
    this.kept.clear();
  }
}
