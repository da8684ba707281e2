// The measuring eye in the viewer's page. From the trusted click's `event.timeStamp` to the animation frame whose
// readback of the picture shows the changed pixel; this sampling adds 0 to 17 ms to every one.

/** How long a click may stay unseen. */
export const UNSEEN_MS = 4000;

/** Runs in the page, once. */
export function installEye(unseenMs) {
  const canvas = new OffscreenCanvas(16, 16);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const eye = { armed: null };
  globalThis.__eye = eye;

  /** Whether the block shows its second colour (blue) at a place. */
  const isOn = ({ x, y }) => {
    context.drawImage(globalThis.__probe.video(), x - 8, y - 8, 16, 16, 0, 0, 16, 16);
    const { data } = context.getImageData(0, 0, 16, 16);
    let red = 0;
    let blue = 0;
    for (let i = 0; i < data.length; i += 4) {
      red += data[i];
      blue += data[i + 2];
    }
    return blue > red;
  };

  /** Waits for one click and the change after it; resolves with milliseconds, or null when it stayed unseen. */
  eye.arm = (place) => {
    const before = isOn(place);
    eye.armed = new Promise((resolve) => {
      addEventListener('pointerdown', (event) => {
        const begun = event.timeStamp;
        const look = () => {
          const changed = isOn(place) !== before;
          const now = performance.now();
          if (changed) resolve(now - begun);
          else if (now - begun > unseenMs) resolve(null);
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }, { capture: true, once: true });
    });
  };
  eye.result = () => eye.armed;
}
