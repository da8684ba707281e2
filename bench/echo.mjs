// From a key to its echo in a terminal of the page. For `make bench`, and for the page's own benchmark behind a mock controller.

/** How long a key may stay unseen. */
export const UNSEEN_MS = 4000;

/**
 * Presses a key. Gives milliseconds from the key's event: `parsed` until its echo is in the terminal's buffer, `drawn` until the frame
 * that has it; null when it stayed unseen.
 */
export async function keyToEcho(page, key) {
  const armed = await page.evaluateHandle(arm, UNSEEN_MS);
  await page.keyboard.press(key);
  return armed.evaluate(({ took }) => took);
}

/** Runs in the page. What it waits for stands in an object, for a promise would be waited for at once. */
function arm(unseenMs) {
  const { terminal } = document.querySelector('.terminal-host');
  const seen = () => {
    const { active } = terminal.buffer;
    const row = active.baseY + active.cursorY;
    return `${row} ${active.cursorX} ${active.getLine(row)?.translateToString(true)}`;
  };
  const before = seen();
  /** @type {Promise<{parsed: number, drawn: number} | null>} */
  const took = new Promise((resolve) => {
    let pressed;
    let parsed;
    const end = (result) => {
      for (const listening of [wrote, rendered]) listening.dispose();
      clearTimeout(timer);
      resolve(result);
    };
    addEventListener('keydown', ({ timeStamp }) => { pressed = timeStamp; }, { once: true, capture: true });
    const wrote = terminal.onWriteParsed(() => {
      if (pressed !== undefined && parsed === undefined && seen() !== before) parsed = performance.now() - pressed;
    });
    const rendered = terminal.onRender(() => {
      if (parsed !== undefined) end({ parsed, drawn: performance.now() - pressed });
    });
    const timer = setTimeout(() => end(null), unseenMs);
  });
  return { took };
}
