// A run's terminal as a viewer has it, without a page: its WebSocket, and a screen that is drawn by the page's own library. It answers
// no question of the CLI, as the page does not. What a screen shows may be a token: it stands in no error unless a test says that it may.
import { EventEmitter } from 'node:events';
import headless from '@xterm/headless';
import WebSocket from 'ws';
import { until } from './wait.mjs';

const OPENS_MS = 20_000;
const SHOWS_MS = 30_000;
/** Lines above the screen; the page keeps more. */
const HISTORY = 2_000;
export const SIZE = { columns: 100, rows: 30 };

const BYTES = 0;
const WORDS = 1;
const COUNT = 2;

/** Commands that were typed: two terminals of one run show the same lines. */
let commands = 0;

const tagged = (tag, rest) => Buffer.concat([Buffer.from([tag]), rest]);

function counted(bytes) {
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(bytes));
  return tagged(COUNT, count);
}

export class RunTerminal {
  /** Output bytes of this connection, and how many of them are drawn. */
  received = 0;
  drawn = 0;
  /** Sizes of whole screens, and those that another viewer has set, in their order. */
  screens = [];
  sizes = [];
  /** What the CLI ended with, once that was said; and how the connection ended. */
  exitCode;
  closed;
  #news = new EventEmitter();
  #turn = Promise.resolve();
  /** Messages that came and are not drawn yet. */
  #waiting = 0;

  /** Connects. What is shown stays out of errors unless `isPublic`; `origin` is the site that asks. */
  static async open(person, runId, { size = SIZE, isPublic = false, origin = person.origin } = {}) {
    const terminal = new RunTerminal();
    terminal.isPublic = isPublic;
    terminal.xterm = new headless.Terminal({ cols: size.columns, rows: size.rows, scrollback: HISTORY, allowProposedApi: true });
    const address = `${person.origin.replace(/^http/, 'ws')}/api/runs/${runId}/terminal?columns=${size.columns}&rows=${size.rows}`;
    terminal.socket = new WebSocket(address, { headers: { cookie: person.cookie, origin }, handshakeTimeout: OPENS_MS });
    terminal.#listen();
    await until(`the terminal of ${runId} opens`, OPENS_MS, () => terminal.isOpen || terminal.closed, terminal.#news, 'news');
    return terminal;
  }

  #listen() {
    const { socket } = this;
    const closed = (how) => {
      this.#turn = this.#turn.then(() => {
        this.closed ??= how;
        this.#news.emit('news');
      });
    };
    socket.on('open', () => {
      this.isOpen = true;
      this.#news.emit('news');
    });
    socket.on('message', (message) => {
      this.#waiting += 1;
      this.#turn = this.#turn.then(() => this.#take(message));
    });
    socket.on('close', (code, reason) => closed({ code, reason: reason.toString() }));
    socket.on('error', (error) => closed({ error: error.message }));
  }

  /** One message after the other: each is drawn before the next is looked at. */
  async #take(message) {
    const rest = message.subarray(1);
    if (message[0] === BYTES) await this.#draw(rest);
    else if (message[0] === WORDS) await this.#hear(JSON.parse(rest.toString()));
    else throw new Error(`the terminal was sent a message of kind ${message[0]}`);
    this.#waiting -= 1;
    // In a flood whoever waits looks now and then: looking takes longer than drawing.
    if (this.#waiting === 0) this.#news.emit('news');
  }

  async #draw(bytes) {
    this.received += bytes.length;
    await new Promise((resolve) => this.xterm.write(bytes, resolve));
    this.drawn += bytes.length;
    if (!this.isSlow) this.acknowledge();
  }

  acknowledge() {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(counted(this.drawn));
  }

  #hear({ kind, columns, rows, exitCode }) {
    if (kind === 'ended') this.exitCode = exitCode;
    else if (kind === 'size') this.sizes.push({ columns, rows });
    else if (kind === 'screen') this.screens.push({ columns, rows });
    if (kind === 'screen') this.xterm.reset();
    if (kind !== 'ended') this.xterm.resize(columns, rows);
  }

  /** The lines of the screen, without empty ones at the end; with `isAll` those above it too. */
  lines(isAll = false) {
    const { active } = this.xterm.buffer;
    const lines = Array.from({ length: isAll ? active.length : this.xterm.rows }, (_, row) => active.getLine(isAll ? row : active.baseY + row)?.translateToString(true).trimEnd() ?? '');
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  /** Everything that it shows, lines that were broken put together. */
  text() {
    const { active } = this.xterm.buffer;
    return Array.from({ length: active.length }, (_, row) => active.getLine(row)).map((line, row) => `${row > 0 && !line.isWrapped ? '\n' : ''}${line.translateToString(true)}`).join('');
  }

  get #shown() {
    return this.isPublic ? `; it shows: ${this.lines().join(' | ')}` : '';
  }

  /** Waits until a line is like this; gives what was found. */
  async shows(pattern, deadlineMs = SHOWS_MS) {
    try {
      return await until(`the terminal shows ${pattern}`, deadlineMs, () => {
        for (const line of this.lines(true)) if (pattern.test(line)) return pattern.exec(line);
        if (this.closed) throw new Error(`the terminal closed before it showed ${pattern}: ${JSON.stringify(this.closed)}, exit code ${this.exitCode}`);
        return undefined;
      }, this.#news, 'news');
    } catch (error) {
      throw new Error(error.message + this.#shown, { cause: error });
    }
  }

  type(text) {
    this.socket.send(tagged(BYTES, Buffer.from(text)));
  }

  resize({ columns, rows }) {
    this.socket.send(tagged(WORDS, Buffer.from(JSON.stringify({ kind: 'resize', columns, rows }))));
    this.xterm.resize(columns, rows);
  }

  /** Runs a command in the terminal's shell; gives its exit code. */
  async does(command, deadlineMs = SHOWS_MS) {
    const number = (commands += 1);
    // The line that is typed does not look like the one that it prints, which may follow a line without an end.
    this.type(`${command}; echo "[$?:${number}:$((${number} + 1))]"\r`);
    const [, code] = await this.shows(new RegExp(`\\[(\\d+):${number}:${number + 1}\\]$`), deadlineMs);
    return Number(code);
  }

  /** Waits until the CLI's end was said and the connection closed. */
  async ended(deadlineMs = SHOWS_MS) {
    try {
      await until('the terminal says that the CLI has ended', deadlineMs, () => this.closed, this.#news, 'news');
    } catch (error) {
      throw new Error(error.message + this.#shown, { cause: error });
    }
    return { exitCode: this.exitCode, code: this.closed.code };
  }

  /** Waits for something of it. */
  saw(words, look, deadlineMs = SHOWS_MS) {
    return until(words, deadlineMs, look, this.#news, 'news');
  }

  close() {
    this.socket.terminate();
  }
}
