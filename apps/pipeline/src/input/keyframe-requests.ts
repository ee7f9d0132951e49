/** A key frame that does not come is asked for again. At the beginning it is on its way already, as a rule. */
const ASK_AGAIN_MS = 500;
const FIRST_ASK_MS = 100;

/** Decides when a publisher is asked for the key frame that its video needs. */
export class KeyframeRequests {
  /** When the key frame that is needed was asked for; null: none is. */
  private askedAt: number | null = null;

  /** @param isFirst nothing has come of the session yet. @param now ms. */
  isDue(isNeeded: boolean, isFirst: boolean, now: number): boolean {
    if (!isNeeded) {
      this.askedAt = null;
      return false;
    }
    this.askedAt ??= isFirst ? now + FIRST_ASK_MS - ASK_AGAIN_MS : -Infinity;
    if (now - this.askedAt < ASK_AGAIN_MS) return false;
    this.askedAt = now;
    return true;
  }
}
