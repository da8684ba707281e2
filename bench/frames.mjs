// Whether a page stands still: how long its frames and its long tasks take. For `make bench` and for the page's own tests.

/** Watches a page until the returned function is called, which gives milliseconds: from each frame to the next, and of each task that
 * took 50 or more. */
export async function watchFrames(page) {
  const watched = await page.evaluateHandle(watch);
  return () => watched.evaluate((all) => {
    all.on = false;
    all.note(all.observer.takeRecords());
    all.observer.disconnect();
    return { frames: all.frames.slice(1), tasks: all.tasks };
  });
}

/** Runs in the page. */
function watch() {
  const note = (entries) => watched.tasks.push(...entries.map(({ duration }) => duration));
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  /** @type {{frames: number[], tasks: number[], on: boolean, note: (entries: PerformanceEntryList) => void, observer: PerformanceObserver}} */
  const watched = { frames: [], tasks: [], on: true, note, observer };
  let last = performance.now();
  const frame = (now) => {
    watched.frames.push(now - last);
    last = now;
    if (watched.on) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  observer.observe({ entryTypes: ['longtask'] });
  return watched;
}
