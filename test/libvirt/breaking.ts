import type { LibvirtHost } from "../../provider/backends/libvirt/host.js";
import { ProviderError } from "../../provider/core/errors.js";

/**
 * The `nth` call of a procedure reaches the host, and its answer is lost; or the process ends before it is sent. What is
 * returned mends the host.
 */
export function breaking({ session }: LibvirtHost, procedure: string, how: "answer" | "end", nth = 1): () => void {
  const call = session.call.bind(session);
  let seen = 0;
  let ended = false;
  session.call = async (asked, args, patience) => {
    if (ended) throw new ProviderError("unreachable", "the process has ended");
    const hit = asked.name === procedure && ++seen === nth;
    if (hit && how === "end") {
      ended = true;
      throw new ProviderError("unreachable", "the process has ended");
    }
    const answer = await call(asked, args, patience);
    if (hit) throw new ProviderError("dropped", "the answer was lost");
    return answer;
  };
  return () => {
    session.call = call;
  };
}
