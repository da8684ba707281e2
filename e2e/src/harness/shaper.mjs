// A slow network in user space: UDP that comes in is sent on late, not faster than a rate, and not always. Runs in the
// router's namespace, where the router sends the relay's port to it; what comes back takes the same way.
//
//   node shaper.mjs PORT UPSTREAM-ADDRESS UPSTREAM-PORT    settings as JSON lines on standard input; "{}" is a free way
import dgram from 'node:dgram';
import { createInterface } from 'node:readline';

/** A datagram that would wait longer for the rate is lost, as in a router's queue. */
const LONGEST_QUEUE_MS = 250;
const MAX_CLIENTS = 64;

/** One direction. Pure but for the clock and the dice that it is given. */
export class Lane {
  #freeAt = 0;

  /** When a datagram goes out, ms; undefined when it is lost. `settings`: loss (0 to 1), delayMs, kbps. */
  pass(bytes, { loss = 0, delayMs = 0, kbps = 0 }, now, dice) {
    if (dice < loss) return undefined;
    const begins = Math.max(now, this.#freeAt);
    if (kbps && begins - now > LONGEST_QUEUE_MS) return undefined;
    this.#freeAt = kbps ? begins + (bytes * 8) / kbps : now;
    return this.#freeAt + delayMs;
  }
}

function main([port, upstream, upstreamPort]) {
  let settings = {};
  createInterface({ input: process.stdin }).on('line', (line) => { settings = JSON.parse(line); }).on('close', () => process.exit(0));
  // All viewers share the two directions, as those of one household do.
  const [up, down] = [new Lane(), new Lane()];
  const send = (lane, bytes, go) => {
    const now = performance.now();
    const at = lane.pass(bytes.length + 28, settings, now, Math.random());
    if (at === undefined) return;
    if (at - now < 1) go();
    else setTimeout(go, at - now);
  };
  const outside = dgram.createSocket('udp4');
  const clients = new Map();
  const clientOf = ({ address, port: from }) => {
    const key = `${address}:${from}`;
    if (!clients.has(key) && clients.size < MAX_CLIENTS) {
      const inside = dgram.createSocket('udp4');
      inside.on('message', (bytes) => send(down, bytes, () => outside.send(bytes, from, address)));
      inside.on('error', () => undefined);
      clients.set(key, inside);
    }
    return clients.get(key);
  };
  outside.on('message', (bytes, from) => {
    const inside = clientOf(from);
    if (inside) send(up, bytes, () => inside.send(bytes, Number(upstreamPort), upstream));
  });
  outside.bind(Number(port), '0.0.0.0', () => process.stdout.write('ready\n'));
}

if (process.argv[1] === new URL(import.meta.url).pathname) main(process.argv.slice(2));
