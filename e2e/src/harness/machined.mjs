// The helper that makes machines as root, for a controller that runs as an ordinary user.
import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { binary } from './controller.mjs';
import { until } from './wait.mjs';

const START_MS = 30_000;
/** The first start for virtual machines makes their disk, fetches their kernel and boots a template. */
const FIRST_QEMU_START_MS = 300_000;
const STOP_MS = 10_000;

/** The ordinary user that the controller runs as: one that every Debian has, and that owns nothing. */
export const USER = 'nobody';

/** Gives a directory of the run to that user, with all that is in it. */
export const giveToUser = (directory) => execFileSync('chown', ['-R', `${USER}:`, directory]);

export class Machined {
  #news = new EventEmitter();

  constructor(config, logFile) {
    this.config = config;
    this.file = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  }

  /** Starts it; resolves when it can be asked. */
  async start() {
    let said = '';
    this.ended = undefined;
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, LANG: 'C.UTF-8', ...this.settings };
    this.process = spawn(binary(), ['machined', '--for', USER, '--config', this.config], { stdio: ['ignore', 'pipe', 'pipe'], env });
    const hear = (text) => {
      said += text;
      this.file.write(text);
      this.#news.emit('news');
    };
    this.process.stdout.setEncoding('utf8').on('data', hear);
    this.process.stderr.setEncoding('utf8').on('data', hear);
    this.process.once('exit', (code, signal) => {
      this.ended = { code, signal };
      this.#news.emit('news');
    });
    await until('machined can be asked', this.#mayTakeMs(), () => {
      if (this.ended) throw new Error(`machined ended with ${JSON.stringify(this.ended)}:\n${said}`);
      return said.includes('machined is at');
    }, this.#news, 'news');
    return this;
  }

  /** Starts it anew with other settings. */
  async restart(settings = {}) {
    await this.stop();
    this.settings = settings;
    await this.start();
  }

  #mayTakeMs() {
    return /^driver = "qemu"$/m.test(readFileSync(this.config, 'utf8')) ? FIRST_QEMU_START_MS : START_MS;
  }

  /** Ends it, by default as an operator does. */
  async stop(signal = 'SIGTERM') {
    if (!this.process || this.ended) return;
    this.process.kill(signal);
    await until(`machined ended after ${signal}`, STOP_MS, () => this.ended, this.#news, 'news');
  }
}
