import { isProviderError } from "../../core/errors.js";

/** Times that a call whose answer is lost again and again is made. */
const TIMES = 3;

/** Makes a call again when its answer was lost. Only for calls that may happen twice without harm. */
export async function untilAnswered<T>(call: () => Promise<T>): Promise<T> {
  for (let time = 1; ; time++) {
    try {
      return await call();
    } catch (error) {
      if (time >= TIMES || !isProviderError(error, "dropped")) throw error;
    }
  }
}
