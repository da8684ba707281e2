//! The terminal of one run on this page: screen, connection and what carries output from one to the other. It stands
//! outside the components, so that no re-mount can touch it.

import { copyText } from "../app/copy";
import { Store } from "../app/store";
import { offered, readClipboard } from "./clipboard";
import type { Size } from "./frames";
import { bytesOf, type ExtraKey, isMotion, withCtrl } from "./keys";
import { MAX_KEPT_BYTES, MAX_TITLE, NOTICE_MS, RESIZE_MS } from "./limits";
import { Link, type LinkState } from "./link";
import { Pump, type Words } from "./pump";
import { type Found, type Renderer, Screen } from "./screen";
import { settings } from "./settings";

export interface TerminalSnapshot {
  readonly link: LinkState;
  /** A screen has been drawn. */
  readonly isDrawn: boolean;
  /** Another device sets this size. */
  readonly followed: Size | undefined;
  readonly size: Size | undefined;
  readonly renderer: Renderer;
  /** The address under the pointer. */
  readonly address: string | undefined;
  readonly found: Found | undefined;
  readonly hasSelection: boolean;
  /** Something that was just done, or could not be. */
  readonly notice: string | undefined;
  readonly title: string;
  /** The next typed character is taken with Ctrl. */
  readonly ctrl: boolean;
  /** The CLI has ended, and this is all that it wrote. */
  readonly exitCode: number | undefined;
}

const AT_FIRST: TerminalSnapshot = {
  link: { at: "connecting" },
  isDrawn: false,
  followed: undefined,
  size: undefined,
  renderer: "dom",
  address: undefined,
  found: undefined,
  hasSelection: false,
  notice: undefined,
  title: "",
  ctrl: false,
  exitCode: undefined,
};

const HIDE_CURSOR = "\x1b[?25l";

export interface Shortcuts {
  search: () => void;
  /** The keyboard leaves the terminal. */
  leave: () => void;
}

/** What the library keeps to itself: whether the data that it sends next were typed, or are a reply to the program. */
interface Inside {
  _core: { coreService: { onUserInput: (heard: () => void) => void } };
}

export class RunTerminal {
  readonly state = new Store<TerminalSnapshot>(AT_FIRST);
  readonly screen: Screen;
  shortcuts: Shortcuts = { search: () => undefined, leave: () => undefined };
  readonly #runId: string;
  readonly #pump: Pump;
  readonly #life = new AbortController();
  readonly #encoder = new TextEncoder();
  #link: Link | undefined;
  #isTyped = false;
  #resizing: ReturnType<typeof setTimeout> | undefined;
  #noticing: ReturnType<typeof setTimeout> | undefined;

  constructor(runId: string, name: string) {
    this.#runId = runId;
    this.screen = new Screen(name, {
      onLink: (address) => this.#set({ address }),
      onFound: (found) => this.#set({ found }),
      onRenderer: (renderer) => this.#drawnBy(renderer),
    });
    this.#pump = new Pump({
      write: (piece, parsed) => this.screen.xterm.write(piece, parsed),
      onWords: (words) => this.#hear(words),
      acknowledge: (bytes) => this.#link?.acknowledge(bytes),
      onFlood: () => this.#link?.anew(),
    });
    this.#listen();
  }

  /** Shows it in an element. The connection opens once its size is known. */
  attach(parent: HTMLElement): () => void {
    void this.screen.attach(parent).then(() => this.#open());
    const observer = new ResizeObserver(() => this.#resizeSoon());
    observer.observe(parent);
    return () => observer.disconnect();
  }

  stop(): void {
    this.#life.abort();
    clearTimeout(this.#resizing);
    clearTimeout(this.#noticing);
    this.#pump.stop();
    this.#link?.stop();
    this.screen.dispose();
  }

  focus(): void {
    this.screen.xterm.focus();
  }

  retry(): void {
    this.#link?.retry();
  }

  press(key: ExtraKey): void {
    const data = bytesOf(key, this.screen.xterm.modes.applicationCursorKeysMode);
    this.screen.xterm.input(data, true);
  }

  holdCtrl(isHeld: boolean): void {
    this.#set({ ctrl: isHeld });
  }

  async copy(): Promise<void> {
    const text = this.screen.xterm.getSelection();
    if (!text) return this.#notice("Nothing is selected.");
    this.#notice((await copyText(text)) ? "Copied." : "This browser does not let the page copy.");
  }

  async paste(): Promise<void> {
    const text = await readClipboard();
    if (text === undefined)
      return this.#notice("This browser does not let the page paste. Use Ctrl+Shift+V.");
    this.screen.xterm.paste(text);
  }

  find(text: string, direction: "next" | "previous"): void {
    if (text) return this.screen.find(text, direction);
    this.endSearch();
  }

  endSearch(): void {
    this.screen.endSearch();
    this.#set({ found: undefined });
  }

  #open(): void {
    if (this.#link || this.#life.signal.aborted) return;
    const size = this.screen.own() ?? { columns: 80, rows: 24 };
    this.screen.resize(size);
    this.#link = new Link(this.#runId, size, {
      onOpen: () => this.#pump.reconnected(),
      onMessage: (message) => this.#pump.take(message),
      onState: (link) => this.#set({ link }),
    });
    this.#link.start();
    this.#set({ size });
  }

  #hear(words: Words): void {
    const { xterm } = this.screen;
    if (words.kind === "ended") {
      xterm.options.disableStdin = true;
      xterm.write(HIDE_CURSOR);
      return this.#set({ exitCode: words.exitCode });
    }
    const size = { columns: words.columns, rows: words.rows };
    if (words.kind === "size") return this.#follow(size);
    xterm.reset();
    this.#set({ isDrawn: true, found: undefined });
    const own = this.screen.own();
    const isOwn = own?.columns === size.columns && own.rows === size.rows;
    if (!isOwn) return this.#follow(size);
    this.screen.resize(size);
    this.#set({ followed: undefined, size });
  }

  #follow(size: Size): void {
    this.screen.squeeze(size);
    this.#set({ followed: size, size });
  }

  /** The size of this page's window again: it is here that somebody types now. */
  #takeSize(): void {
    if (!this.state.snapshot().followed) return;
    this.#set({ followed: undefined });
    this.#resize();
  }

  #resizeSoon(): void {
    clearTimeout(this.#resizing);
    this.#resizing = setTimeout(() => {
      if (!this.#link) return;
      const { followed } = this.state.snapshot();
      if (followed) this.screen.squeeze(followed);
      else this.#resize();
    }, RESIZE_MS);
  }

  #resize(): void {
    const own = this.screen.own();
    const { size } = this.state.snapshot();
    if (!own) return;
    if (own.columns === size?.columns && own.rows === size.rows) return;
    this.screen.resize(own);
    this.#link?.resize(own);
    this.#set({ size: own });
  }

  /** The browser took WebGL away, and cells have another width now. */
  #drawnBy(renderer: Renderer): void {
    this.#set({ renderer });
    if (this.#link) this.#resizeSoon();
  }

  #listen(): void {
    const { xterm } = this.screen;
    (xterm as unknown as Inside)._core.coreService.onUserInput(() => {
      this.#isTyped = true;
    });
    xterm.onData((data) => this.#data(data));
    xterm.onBinary((data) => this.#type(Uint8Array.from(data, (character) => character.charCodeAt(0))));
    xterm.onSelectionChange(() => this.#set({ hasSelection: xterm.hasSelection() }));
    xterm.onTitleChange((title) => this.#set({ title: title.slice(0, MAX_TITLE) }));
    xterm.attachCustomKeyEventHandler((event) => this.#key(event));
    xterm.parser.registerOscHandler(52, (data) => this.#clipboard(data));
    const { signal } = this.#life;
    this.screen.host.addEventListener("contextmenu", (event) => this.#rightButton(event), { signal });
    signal.addEventListener(
      "abort",
      settings.subscribe(() => this.#apply()),
    );
  }

  #apply(): void {
    this.screen.xterm.options.screenReaderMode = settings.snapshot().screenReader;
    const { followed } = this.state.snapshot();
    if (followed) this.screen.squeeze(followed);
    else this.#resize();
  }

  #data(data: string): void {
    const isTyped = this.#isTyped;
    this.#isTyped = false;
    const { followed, ctrl, link } = this.state.snapshot();
    // A program's question is answered once: by the page that sets the size. Later than now it would be typed text.
    if (!isTyped && (followed || link.at !== "open")) return;
    if (followed && isMotion(data)) return;
    if (ctrl && isTyped) this.#set({ ctrl: false });
    this.#type(this.#encoder.encode(ctrl && isTyped ? withCtrl(data) : data));
  }

  #type(bytes: Uint8Array): void {
    if (this.state.snapshot().exitCode !== undefined) return;
    this.#takeSize();
    if (this.#link?.type(bytes)) return;
    const { link } = this.state.snapshot();
    this.#notice(
      link.at === "open"
        ? `Not sent: ${bytes.length} bytes are more than the connection takes now.`
        : `Not kept: more than ${MAX_KEPT_BYTES / 1024} KiB wait for the connection.`,
    );
  }

  /** Whether the terminal takes the key. */
  #key(event: KeyboardEvent): boolean {
    if (event.type !== "keydown" || !event.ctrlKey || !event.shiftKey) return true;
    if (event.altKey) {
      this.shortcuts.leave();
      return false;
    }
    // The browser's own paste needs no permission: it only has to be let through.
    if (event.code === "KeyV") return false;
    if (event.code !== "KeyC" && event.code !== "KeyF") return true;
    event.preventDefault();
    if (event.code === "KeyC") void this.copy();
    else this.shortcuts.search();
    return false;
  }

  /** Copies what is selected, pastes else. A program that wants the mouse gets it, and Shift gives the browser's menu. */
  #rightButton(event: MouseEvent): void {
    const { xterm } = this.screen;
    if (event.shiftKey || xterm.modes.mouseTrackingMode !== "none") return;
    event.preventDefault();
    if (!xterm.hasSelection()) return void this.paste();
    void this.copy().then(() => xterm.clearSelection());
  }

  #clipboard(data: string): boolean {
    const text = offered(data);
    if (text !== undefined)
      void copyText(text).then((isDone) =>
        this.#notice(isDone ? "The CLI copied a text to your clipboard." : "The CLI could not copy a text."),
      );
    return true;
  }

  #notice(notice: string): void {
    clearTimeout(this.#noticing);
    this.#noticing = setTimeout(() => this.#set({ notice: undefined }), NOTICE_MS);
    this.#set({ notice });
  }

  #set(change: Partial<TerminalSnapshot>): void {
    this.state.set({ ...this.state.snapshot(), ...change });
  }
}
