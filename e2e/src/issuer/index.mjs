// The issuer as a test uses it: a network namespace with one address, a CA, the process inside, and what it told.
import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../harness/wait.mjs';
import { caText, makeAuthority } from './authority.mjs';
import { ALL } from './hosts.mjs';

const PORT = 443;
const START_MS = 20_000;
const SERVER = fileURLToPath(new URL('server.mjs', import.meta.url));
/** What is kept of what the process told; a run has a few hundred. */
const MAX_EVENTS = 20_000;
/** What is kept of its standard error, to be shown when it fails. */
const MAX_SAID = 16 * 1024;

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });

/** Names and addresses from the process's id, so that two runs on one host don't meet. */
function place() {
  const tag = (process.pid % 0x10000).toString(16).padStart(4, '0');
  const block = process.pid % 16384;
  const address = (last) => `10.99.${block >> 6}.${(block & 63) * 4 + last}`;
  return { netns: `e2e-${tag}`, outside: `e2e${tag}o`, inside: `e2e${tag}i`, gateway: address(1), address: address(2) };
}

function makeNetwork({ netns, outside, inside, gateway, address }) {
  ip('netns', 'add', netns);
  ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', netns);
  ip('address', 'add', `${gateway}/30`, 'dev', outside);
  ip('link', 'set', outside, 'up');
  ip('-n', netns, 'address', 'add', `${address}/30`, 'dev', inside);
  ip('-n', netns, 'link', 'set', inside, 'up');
  ip('-n', netns, 'link', 'set', 'lo', 'up');
  ip('-n', netns, 'route', 'add', 'default', 'via', gateway);
}

export class Issuer {
  events = [];
  said = '';
  #news = new EventEmitter();

  static async start(directory) {
    const issuer = new Issuer();
    issuer.place = place();
    mkdirSync(directory, { recursive: true });
    const authority = makeAuthority(directory, ALL);
    issuer.ca = authority.ca;
    issuer.caText = caText(authority);
    makeNetwork(issuer.place);
    issuer.#spawn(authority, path.resolve(directory));
    await issuer.saw((event) => event.kind === 'listening', 'the issuer listens', START_MS);
    return issuer;
  }

  #spawn(authority) {
    const args = ['netns', 'exec', this.place.netns, process.execPath, SERVER, this.place.address, String(PORT), authority.certificate, authority.key];
    this.process = spawn('ip', args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.process.stderr.setEncoding('utf8').on('data', (text) => { this.said = (this.said + text).slice(-MAX_SAID); });
    this.process.on('message', (event) => {
      if (this.events.length < MAX_EVENTS) this.events.push(event);
      this.#news.emit('event');
    });
  }

  /** A place in what was told: `saw(..., {since})` looks at what came later. */
  get now() {
    return this.events.length;
  }

  /** Waits until something was told. */
  saw(wanted, words, deadlineMs = 30_000, since = 0) {
    return until(words, deadlineMs, () => this.events.slice(since).find(wanted), this.#news, 'event');
  }

  /** Everything secret that the issuer handed out or was told. */
  secrets() {
    const words = ['access_token', 'refresh_token', 'id_token'];
    const tokens = this.events.filter((event) => event.kind === 'tokens').flatMap((event) => words.map((word) => event.body[word]).filter(Boolean));
    return [...tokens, ...this.events.filter((event) => event.kind === 'code').map((event) => event.code)];
  }

  /** What is made from now on lives for so many seconds, e.g. `{ accessTokens: 1 }`; what is not named, for as long as the vendors' own. */
  async live(seconds = {}) {
    const since = this.now;
    this.process.send({ seconds });
    await this.saw((event) => event.kind === 'ordered', 'the issuer was told how long things live', START_MS, since);
  }

  /** Who asks for what, for a machine's configuration. */
  get hosts() {
    return ALL.map((name) => ({ address: this.place.address, name }));
  }

  async stop() {
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    if (this.process.exitCode === null) {
      this.process.disconnect();
      await gone;
    }
    ip('link', 'del', this.place.outside);
    ip('netns', 'del', this.place.netns);
  }
}
