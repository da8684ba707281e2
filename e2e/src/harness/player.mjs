// A WHEP player on a page of another site: `whip-whep` from npm, by the author of RFC 9725, as it is. The page around it
// knows an address and a token, and nothing of Anteroom.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { probe } from './probe.mjs';
import { until } from './wait.mjs';

const MODULE = readFileSync(fileURLToPath(import.meta.resolve('whip-whep/whep.js')));
const FRAMES_MS = 20_000;
/** How long a player asks again while there is no picture. */
const COME_AGAIN_MS = 30_000;

/** Runs in the page. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>A player</title><video muted autoplay playsinline></video>
<script type="module">
import { WHEPClient } from '/whep.js';

// whip-whep 1.2.0 keeps the ETag of an answer to PATCH, and forgets that of the 201. Where the page hands it over, the
// player sends If-Match; where it does not, its PATCH comes without.
const tagged = new URL(location).searchParams.has('tagged');
const plain = globalThis.fetch;
const replies = [];
let client;
globalThis.fetch = async (...args) => {
  const reply = await plain(...args);
  const named = (name) => reply.headers.get(name);
  replies.push({ method: args[1]?.method ?? 'GET', status: reply.status, location: named('location'), etag: named('etag'), retryAfter: named('retry-after') });
  if (tagged && reply.status === 201) client.etag = named('etag');
  return reply;
};

const once = async (url, token) => {
  const peer = new RTCPeerConnection();
  peer.addTransceiver('video', { direction: 'recvonly' });
  peer.addTransceiver('audio', { direction: 'recvonly' });
  const states = [];
  peer.onconnectionstatechange = () => states.push(peer.connectionState);
  peer.ontrack = ({ track, streams }) => {
    if (track.kind === 'video') document.querySelector('video').srcObject = streams[0] ?? new MediaStream([track]);
  };
  client = new WHEPClient();
  Object.assign(globalThis.player, { peer, states });
  await client.view(peer, url, token);
};

const watch = async (url, token, comeAgainMs) => {
  const until = performance.now() + comeAgainMs;
  for (;;) {
    try {
      return await once(url, token);
    } catch (error) {
      const last = replies.at(-1);
      if (last?.status !== 409 || !last.retryAfter || performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, Number(last.retryAfter) * 1000));
    }
  }
};

globalThis.player = { watch, replies, stop: () => client.stop() };
</script>`;

/** Another site: another host's name, and so without the cookies of Anteroom's page. */
export class PlayerSite {
  static async start() {
    const site = new PlayerSite();
    site.server = http.createServer((request, response) => {
      const module = request.url === '/whep.js';
      response.setHeader('content-type', module ? 'text/javascript' : 'text/html; charset=utf-8');
      response.end(module ? MODULE : PAGE);
    });
    await new Promise((resolve, reject) => site.server.once('error', reject).listen(0, '127.0.0.1', resolve));
    site.origin = `http://localhost:${site.server.address().port}`;
    return site;
  }

  /** A page in a browser of its own. */
  async open(viewer, { tagged }) {
    const context = await viewer.browser.newContext();
    await context.addInitScript(probe);
    const page = await context.newPage();
    const said = [];
    page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => said.push(`error: ${error.message}`));
    await page.goto(`${this.origin}/${tagged ? '?tagged' : ''}`);
    await page.waitForFunction(() => globalThis.player);
    return new Player(context, page, said);
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export class Player {
  constructor(context, page, said) {
    Object.assign(this, { context, page, said });
  }

  /** Watches; as long as there is no picture it comes again when it was told to. */
  watch(url, token) {
    return this.page.evaluate((args) => globalThis.player.watch(...args), [url, token, COME_AGAIN_MS]);
  }

  /** What the controller replied to each of its requests. */
  replies() {
    return this.page.evaluate(() => globalThis.player.replies);
  }

  /** Its connection now, and what it has decoded. */
  seen() {
    return this.page.evaluate(async () => {
      const { peer, states } = globalThis.player;
      const all = [...(await peer.getStats()).values()];
      const video = all.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
      const codec = all.find(({ id }) => id === video?.codecId)?.mimeType;
      // The rest explains a picture that stands still.
      const { packetsReceived, packetsLost, framesReceived, keyFramesDecoded, nackCount, pliCount } = video ?? {};
      const stream = { packetsReceived, packetsLost, framesReceived, keyFramesDecoded, nackCount, pliCount };
      return { states, state: peer.connectionState, frames: video?.framesDecoded ?? 0, codec, tracks: peer.getReceivers().length, stream };
    });
  }

  /** Waits until it has decoded more than so many frames; gives how many. */
  async framesAbove(count) {
    let seen;
    await until(`the player decodes more than ${count} frames`, FRAMES_MS, async () => {
      seen = await this.seen();
      return seen.frames > count;
    }).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(seen)}; ${this.said.join('; ')}`, { cause: error });
    });
    return seen.frames;
  }

  /** Goes away as a player should. */
  stop() {
    return this.page.evaluate(() => globalThis.player.stop());
  }
}
