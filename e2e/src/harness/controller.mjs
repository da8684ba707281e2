// The product under test as one process: started by its own command, killed as an operator or a crash would.
import { execFile, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { USER } from './machined.mjs';
import { until } from './wait.mjs';

const run = promisify(execFile);
const START_MS = 30_000;
const STOP_MS = 20_000;

/** The built program. */
export function binary() {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache');
  const target = process.env.CARGO_TARGET_DIR ?? path.join(cache, 'anteroom/target');
  const file = path.join(target, 'release/anteroom');
  if (!existsSync(file)) throw new Error(`${file} is not built; run \`make\` first`);
  return file;
}

/** A free port of loopback, so that a restart finds its page again at the same address. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class Controller {
  /** All that it wrote, over all its lives. */
  log = '';
  #news = new EventEmitter();

  constructor(config, origin, logFile) {
    this.config = config;
    this.origin = origin;
    this.logFile = logFile;
    this.#file = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  }

  #file;

  /** Starts it; resolves when it has printed its link. */
  async start() {
    const begin = this.log.length;
    this.process = spawn(binary(), ['serve', '--user', USER, '--config', this.config], { stdio: ['ignore', 'pipe', 'pipe'], env: this.environment() });
    const hear = (text) => {
      this.log += text;
      this.#file.write(text);
      this.#news.emit('news');
    };
    // The link on stdout is meant for a person; everything else is the log.
    this.process.stdout.setEncoding('utf8').on('data', (text) => {
      this.printed = (this.printed ?? '') + text;
      this.#news.emit('news');
    });
    this.process.stderr.setEncoding('utf8').on('data', hear);
    this.printed = '';
    this.exited = new Promise((resolve) => this.process.once('exit', (code, signal) => {
      this.ended = { code, signal };
      this.#news.emit('news');
      resolve(this.ended);
    }));
    this.ended = undefined;
    this.link = await until('the controller printed its link', START_MS, () => {
      if (this.ended) throw new Error(`the controller ended with ${JSON.stringify(this.ended)}:\n${this.log.slice(begin)}${this.printed}`);
      return /http:\/\/\S+\/\?token=\S+/.exec(this.printed)?.[0];
    }, this.#news, 'news');
    return this;
  }

  /** Its environment: nothing of the test's but what a service has, and `settings` that a scenario changes. */
  environment() {
    return { PATH: process.env.PATH, HOME: process.env.HOME, LANG: 'C.UTF-8', ...this.settings };
  }

  /** Starts it anew with other settings, e.g. `{ ANTEROOM_MACHINES__POOL: '1' }`. */
  async restart(settings = {}) {
    await this.stop();
    this.settings = settings;
    await this.start();
  }

  /** Another command of the program, on the same configuration. */
  async command(...args) {
    const { stdout } = await run(binary(), [...args, '--user', USER, '--config', this.config], { env: this.environment(), timeout: START_MS });
    return stdout;
  }

  /** A new one-time link. */
  async newLink() {
    return /http:\/\/\S+\/\?token=\S+/.exec(await this.command('link'))[0];
  }

  /** Waits for a piece of the log. */
  logs(pattern, deadlineMs = START_MS) {
    return until(`the log has ${pattern}`, deadlineMs, () => pattern.exec(this.log), this.#news, 'news');
  }

  /** Ends it between any two instructions. */
  async kill() {
    this.process.kill('SIGKILL');
    await this.exited;
  }

  /** Ends it as an operator does. */
  async stop() {
    if (this.process && !this.ended) {
      this.process.kill('SIGTERM');
      await until('the controller ended after SIGTERM', STOP_MS, () => this.ended, this.#news, 'news');
    }
    this.#file.end();
  }

  /** Resident memory in bytes. */
  memory() {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.process.pid}/status`, 'utf8'))[1]) * 1024;
  }
}
