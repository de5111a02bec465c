import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks again and again until the answer is truthy, and answers it. A question that throws counts as "not yet".
 *
 * @param what what is waited for, in words for the error
 * @param everyMs how long it pauses between two questions
 * @param signal gives up early, for the signal's reason
 */
export async function until(what, question, { seconds = 20, everyMs = 50, signal } = {}) {
  const deadline = performance.now() + seconds * 1000;
  let last;
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    try {
      const answer = await question();
      if (answer) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    await pause(everyMs);
  }
  const why = last instanceof Error ? ` (${last.message})` : "";
  throw new Error(`not within ${seconds} s: ${what}${why}`, { cause: last });
}
