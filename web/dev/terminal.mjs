// The mock controller's terminals: a real shell on a real pseudoterminal (`pseudoterminal.py`), a screen that is kept beside it, and the
// pages that are connected. It keeps the promises of the contract: at most 1 MiB unacknowledged for each page, a page that is
// behind is skipped ahead, and the size is that of the device that typed last.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SerializeAddon } from "@xterm/addon-serialize";
import headless from "@xterm/headless";

const WINDOW_BYTES = 1024 * 1024;
/** A page that is behind is shown the screen once it has parsed all but so much. */
const CAUGHT_UP_BYTES = 256 * 1024;
const PTY = fileURLToPath(new URL("pseudoterminal.py", import.meta.url));
/** A page that can't keep up is not drawn more often: it would see nothing else. */
const DRAW_MS = 100;
const OUTPUT = 0;
const WORDS = 1;
const PARSED = 2;

export class MockTerminal {
  /** Connected pages, the one that sets the size first. */
  pages = [];
  /** All that was ever typed. */
  typed = Buffer.alloc(0);
  /** Output of the command so far, in bytes. */
  shownBytes = 0;
  /** How often a page was skipped ahead. */
  skips = 0;
  /** The command waits for the slowest page instead of skipping it ahead. */
  holdsBack = false;
  #home = mkdtempSync(join(tmpdir(), "anteroom-mock-"));
  #screen;
  #serialize = new SerializeAddon();
  #child;
  #drawing = 0;

  constructor({ columns, rows }, onExit) {
    this.size = { columns, rows };
    this.#screen = new headless.Terminal({ cols: columns, rows, scrollback: 500, allowProposedApi: true });
    this.#screen.loadAddon(this.#serialize);
    const rc = join(this.#home, ".bashrc");
    writeFileSync(rc, "PS1='$ '\n");
    this.#child = spawn("python3", [PTY, columns, rows, "bash", "--rcfile", rc, "-i"], {
      stdio: ["pipe", "pipe", "inherit", "pipe"],
      cwd: this.#home,
      env: {
        PATH: process.env.PATH,
        HOME: this.#home,
        LANG: "C.UTF-8",
        TERM: "xterm-256color",
        COLORTERM: "truecolor",
        HISTFILE: "",
      },
    });
    // A command that ends while somebody types into it closes its end of the pipe.
    for (const stream of [this.#child.stdin, this.#child.stdio[3]]) stream.on("error", () => {});
    this.#child.stdout.on("data", (chunk) => this.#show(chunk));
    this.#child.on("close", (code) => this.#screen.write("", () => this.#end(code ?? 143, onExit)));
  }

  /** As a person who types where no page is. */
  write(text) {
    this.#child.stdin.write(text);
  }

  /** The screen's text, without what has scrolled away. */
  text() {
    const { active } = this.#screen.buffer;
    const lines = Array.from({ length: this.#screen.rows }, (_, row) => active.getLine(active.baseY + row));
    return lines.map((line) => line?.translateToString(true) ?? "").join("\n");
  }

  stop() {
    this.#child.stdin.end();
  }

  connect(socket, size) {
    const page = { socket, size, sent: 0, parsed: 0, isBehind: false, pending: undefined };
    this.pages.push(page);
    if (this.pages.length === 1) this.#resize(size);
    this.#draw(page);
    socket.on("message", (data) => this.#hear(page, data));
    socket.on("close", () => this.#gone(page));
  }

  #hear(page, data) {
    const rest = data.subarray(1);
    if (data[0] === PARSED) page.parsed = Number(rest.readBigUInt64BE());
    else if (data[0] === WORDS) this.#sized(page, JSON.parse(rest.toString()));
    else this.#type(page, rest);
    if (page.isBehind && page.sent - page.parsed <= CAUGHT_UP_BYTES) this.#catchUp(page);
    this.#flow();
  }

  #catchUp(page) {
    page.drawing ??= setTimeout(() => {
      page.drawing = undefined;
      if (this.pages.includes(page)) this.#draw(page);
    }, DRAW_MS);
  }

  #type(page, bytes) {
    this.typed = Buffer.concat([this.typed, bytes]);
    if (page !== this.pages[0]) {
      this.pages = [page, ...this.pages.filter((other) => other !== page)];
      this.#resize(page.size);
      this.#tellSize();
    }
    this.#child.stdin.write(bytes);
  }

  #sized(page, { columns, rows }) {
    page.size = { columns, rows };
    if (page !== this.pages[0]) return;
    this.#resize(page.size);
    this.#tellSize();
  }

  #gone(page) {
    const wasFirst = page === this.pages[0];
    this.pages = this.pages.filter((other) => other !== page);
    const [next] = this.pages;
    if (wasFirst && next) {
      this.#resize(next.size);
      this.#draw(next);
      this.#tellSize();
    }
    this.#flow();
  }

  #resize({ columns, rows }) {
    this.size = { columns, rows };
    this.#screen.resize(columns, rows);
    this.#child.stdio[3].write(`${columns} ${rows}\n`);
  }

  #tellSize() {
    for (const page of this.pages.slice(1)) words(page, { kind: "size", ...this.size });
  }

  #show(chunk) {
    this.shownBytes += chunk.length;
    this.#drawing += chunk.length;
    this.#screen.write(chunk, () => {
      this.#drawing -= chunk.length;
      this.#flow();
    });
    for (const page of this.pages) {
      if (page.pending) page.pending.push(chunk);
      else if (!page.isBehind) this.#send(page, chunk);
    }
    this.#flow();
  }

  #send(page, chunk) {
    if (!this.holdsBack && page.sent - page.parsed + chunk.length > WINDOW_BYTES) {
      page.isBehind = true;
      this.skips += 1;
      return;
    }
    page.sent += chunk.length;
    page.socket.send(tagged(OUTPUT, chunk));
  }

  /** Shows a page the screen as it is, and then what came meanwhile. */
  #draw(page) {
    if (page.pending) return;
    page.pending = [];
    this.#screen.write("", () => {
      const { pending } = page;
      page.pending = undefined;
      page.isBehind = false;
      words(page, { kind: "screen", columns: this.#screen.cols, rows: this.#screen.rows });
      this.#send(page, Buffer.from(this.#serialize.serialize()));
      if (page !== this.pages[0]) words(page, { kind: "size", ...this.size });
      for (const chunk of pending) if (!page.isBehind) this.#send(page, chunk);
    });
  }

  #flow() {
    const isFull = this.pages.some(({ sent, parsed }) => sent - parsed > WINDOW_BYTES - 65_536);
    if (this.#drawing > WINDOW_BYTES || (this.holdsBack && isFull)) this.#child.stdout.pause();
    else this.#child.stdout.resume();
  }

  #end(exitCode, onExit) {
    for (const page of this.pages) {
      words(page, { kind: "ended", exitCode });
      page.socket.close(1000);
    }
    rmSync(this.#home, { recursive: true, force: true });
    onExit(exitCode);
  }
}

function words(page, said) {
  page.socket.send(tagged(WORDS, Buffer.from(JSON.stringify(said))));
}

function tagged(tag, bytes) {
  return Buffer.concat([Buffer.of(tag), bytes]);
}
