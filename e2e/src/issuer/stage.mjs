// Two pages for measuring. `/click`: a block that changes its colour with each click. `/scroll`: the same beside
// a noisy picture of 800x450 that moves at the display's rate, which is the load of a person who scrolls.
import { css } from './marks.mjs';

const STYLE = `* { margin: 0 } body { background: #f4f4f4; height: 100vh; overflow: hidden; user-select: none }
  #block { position: absolute; left: 40px; top: 40px; width: 160px; height: 160px; background: ${css('stageOff')} }
  canvas { position: absolute; left: 320px; top: 40px }`;

const CLICK = `
  const block = document.getElementById('block');
  let on = false;
  addEventListener('mousedown', () => { on = !on; block.style.background = on ? '${css('stageOn')}' : '${css('stageOff')}'; });`;

const SCROLL = `
  const canvas = document.querySelector('canvas');
  const context = canvas.getContext('2d');
  const noise = new OffscreenCanvas(800, 1350);
  const brush = noise.getContext('2d');
  const image = brush.createImageData(800, 1350);
  let seed = 1;
  for (let i = 0; i < image.data.length; i += 4) {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    const grey = 64 + (seed >>> 25);
    image.data[i] = grey; image.data[i + 1] = grey; image.data[i + 2] = grey; image.data[i + 3] = 255;
  }
  brush.putImageData(image, 0, 0);
  let offset = 0;
  const step = () => { offset = (offset + 8) % 900; context.drawImage(noise, 0, offset, 800, 450, 0, 0, 800, 450); requestAnimationFrame(step); };
  step();`;

const document = (body, script) => `<!doctype html><meta charset="utf-8"><title>Stage</title><link rel="icon" href="data:,">
<style>${STYLE}</style><div id="block"></div>${body}<script type="module">${script}</script>`;

/** Answers the stage's paths. */
export function stage(request, response) {
  const pages = {
    '/click': document('', CLICK),
    '/scroll': document('<canvas width="800" height="450"></canvas>', CLICK + SCROLL),
  };
  const { pathname } = new URL(request.url, 'https://stage');
  const text = pages[pathname];
  response.writeHead(text ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' });
  response.end(text ?? '');
}
