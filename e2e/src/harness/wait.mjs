// Waiting for a condition, with a deadline and with words for what was waited for. Nothing here waits for a time.

const LOOK_AGAIN_MS = 50;

/** Why a wait ended without its condition. */
export class TooLate extends Error {}

/**
 * Looks until `look` returns something true, and returns it. Looks again at each `event` of `emitter`, and every
 * 50 ms where there is none to listen to.
 */
export function until(words, deadlineMs, look, emitter, event) {
  return new Promise((resolve, reject) => {
    let looking = false;
    let done = false;
    const finish = (settle, value) => {
      done = true;
      clearTimeout(deadline);
      clearInterval(again);
      emitter?.off(event, tick);
      settle(value);
    };
    const tick = async () => {
      if (looking || done) return;
      looking = true;
      try {
        const found = await look();
        if (found && !done) finish(resolve, found);
      } catch (error) {
        if (!done) finish(reject, error);
      } finally {
        looking = false;
      }
    };
    const deadline = setTimeout(() => finish(reject, new TooLate(`not within ${deadlineMs} ms: ${words}`)), deadlineMs);
    const again = setInterval(tick, LOOK_AGAIN_MS);
    emitter?.on(event, tick);
    tick();
  });
}
