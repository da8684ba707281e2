// The person's browser: Debian's Chromium, headless, driven by playwright-core. The machine's own browser is never
// driven: everything in there is done through the streamed desktop.
import { chromium } from 'playwright-core';
import { Desktop } from './desktop.mjs';
import { probe } from './probe.mjs';

const EXECUTABLE = process.env.ANTEROOM_E2E_CHROMIUM ?? '/usr/bin/chromium';
/** Root has no sandbox of Chromium's; the others keep it from calling home on a closed network. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'];
const SIZE = { width: 1400, height: 900 };

export class Viewer {
  /** `wrap` gives a program that runs another one somewhere else: in a network of the test's own. */
  static async start(wrap = (program) => program, flags = []) {
    const viewer = new Viewer();
    viewer.browser = await chromium.launch({ executablePath: wrap(EXECUTABLE), headless: true, args: [...FLAGS, ...flags] });
    return viewer;
  }

  /** A person with a browser profile of their own, signed in by a one-time link. */
  async open(link) {
    const context = await this.browser.newContext({ viewport: SIZE, permissions: ['clipboard-read', 'clipboard-write'] });
    await context.addInitScript(probe);
    const page = await context.newPage();
    const said = [];
    page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => said.push(`error: ${error.message}`));
    await page.goto(link);
    return { context, page, said, desktop: new Desktop(page) };
  }

  stop() {
    return this.browser.close();
  }
}

/** Everything secret that a page holds: descriptions with ICE passwords and fingerprints, and cookies. */
export async function secretsOf({ context, page }) {
  const descriptions = await page.evaluate(() => globalThis.__probe.peers.flatMap((peer) =>
    [peer.currentLocalDescription, peer.currentRemoteDescription, peer.localDescription].filter(Boolean).map(({ sdp }) => sdp)));
  const lines = descriptions.flatMap((sdp) => sdp.split(/\r?\n/))
    .map((line) => /^a=(?:ice-pwd:|fingerprint:sha-256 )(.+)$/.exec(line)?.[1]).filter(Boolean);
  return [...lines, ...(await context.cookies()).map((cookie) => cookie.value)];
}
