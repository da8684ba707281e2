// Machine tokens, as they pass the host on their way to the controller endpoint (plain HTTP on the machine's own
// link). A test needs them to show what such a token opens and that no log has it; nobody else can see them.
import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { until } from './wait.mjs';

const START_MS = 10_000;

export class TokenCapture {
  /** From a machine's address to its token. */
  tokens = new Map();
  #news = new EventEmitter();
  /** Whose packet is being read, and the line that is not whole yet. */
  #address;
  #rest = '';

  /** `net` and `port` of the machines' network. */
  static async start(net, port) {
    const capture = new TokenCapture();
    capture.process = spawn('tcpdump', ['-n', '-l', '-A', '-s', '0', '-i', 'any', `src net ${net} and tcp dst port ${port}`], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    capture.process.stderr.setEncoding('utf8').on('data', (text) => { said += text; capture.#news.emit('news'); });
    capture.process.stdout.setEncoding('latin1').on('data', (text) => capture.#read(text));
    await until('tcpdump listens', START_MS, () => /listening on/.test(said), capture.#news, 'news');
    return capture;
  }

  #read(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop();
    for (const line of lines) {
      this.#address = / IP (\d+\.\d+\.\d+\.\d+)\.\d+ > /.exec(line)?.[1] ?? this.#address;
      const token = /^authorization: Bearer (\S+)/i.exec(line)?.[1];
      if (token && this.#address) {
        this.tokens.set(this.#address, token);
        this.everSeen.add(token);
        this.#news.emit('news');
      }
    }
  }

  /** All tokens that were ever seen. */
  everSeen = new Set();

  tokenOf(address, deadlineMs = 10_000) {
    return until(`a token of ${address} was seen`, deadlineMs, () => this.tokens.get(address), this.#news, 'news');
  }

  async stop() {
    if (this.process.exitCode !== null) return;
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await gone;
  }
}
