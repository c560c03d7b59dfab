/** What is given away in this process before any object shows it, so that no two get the same. */
export class Claims {
  private readonly taken = new Map<string, string>();

  /** Whether `claimant` may have it: nobody else was given it. */
  allows(what: string, claimant: string): boolean {
    return (this.taken.get(what) ?? claimant) === claimant;
  }

  give(what: string, claimant: string): void {
    this.taken.set(what, claimant);
  }

  /** What it was given is shown by an object now, or was never used. */
  release(claimant: string): void {
    for (const [what, who] of this.taken) if (who === claimant) this.taken.delete(what);
  }
}
