//! The one xterm of a run: how it is made, drawn, measured and searched. It knows no connection.

import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { WebLinksAddon } from "@xterm/addon-web-links";
import type { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import { shade, theme } from "../app/theme";
import { linkOf } from "../session/link";
import { defineAdoptedStyle } from "./adopted";
import { coloursOf, LEAST_CONTRAST, marksOf } from "./colours";
import type { Size } from "./frames";
import { FONT_PX, MAX_SIDE, MIN_COLUMNS, MIN_ROWS, SCROLLBACK_LINES } from "./limits";
import { settings } from "./settings";
import { hasGraphicsCard } from "./webgl";

export interface ScreenEvents {
  /** The address under the pointer, or none. */
  onLink: (address: string | undefined) => void;
  onFound: (found: Found) => void;
  onRenderer: (renderer: Renderer) => void;
}

export type Renderer = "dom" | "webgl";

export interface Found {
  /** Which of them is shown; -1 when there are too many to count. */
  readonly index: number;
  readonly count: number;
}

export class Screen {
  readonly xterm: Terminal;
  /** Stays the terminal's while components come and go. */
  readonly host = document.createElement("div");
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #events: ScreenEvents;
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");
  readonly #life = new AbortController();
  #webgl: WebglAddon | undefined;
  #made: Promise<void> | undefined;

  constructor(name: string, events: ScreenEvents) {
    defineAdoptedStyle();
    this.#events = events;
    this.host.className = "terminal-host";
    this.xterm = new Terminal({
      allowProposedApi: true,
      cursorBlink: false,
      cursorInactiveStyle: "outline",
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono").trim(),
      fontSize: settings.snapshot().fontPx,
      lineHeight: 1.15,
      macOptionIsMeta: true,
      minimumContrastRatio: LEAST_CONTRAST,
      rescaleOverlappingGlyphs: true,
      rightClickSelectsWord: false,
      screenReaderMode: settings.snapshot().screenReader,
      scrollback: SCROLLBACK_LINES,
      theme: coloursOf(shade() === "dark"),
      linkHandler: this.#linkHandler(),
    });
    // For tests from outside: what is drawn by WebGL stands in no element.
    Object.assign(this.host, { terminal: this.xterm });
    const links = this.#linkHandler();
    const web = new WebLinksAddon(links.activate, { hover: links.hover, leave: links.leave });
    for (const addon of [this.#fit, this.#search, new UnicodeGraphemesAddon(), web])
      this.xterm.loadAddon(addon);
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) =>
      events.onFound({ index: resultIndex, count: resultCount }),
    );
    this.#name(name);
    this.#followColours();
  }

  /** Shows it in an element; the first time it is made there. Resolves when it is known how it is drawn, since a cell's
   * width depends on that. */
  attach(parent: HTMLElement): Promise<void> {
    parent.append(this.host);
    if (!this.#made) {
      this.xterm.open(this.host);
      this.#made = this.#accelerate();
    }
    return this.#made;
  }

  dispose(): void {
    this.#life.abort();
    this.xterm.dispose();
    this.host.remove();
  }

  /** The size that fills the element, with the text as the person likes it. */
  own(): Size | undefined {
    this.xterm.options.fontSize = settings.snapshot().fontPx;
    const fits = this.#fit.proposeDimensions();
    if (!fits || Number.isNaN(fits.cols) || Number.isNaN(fits.rows)) return undefined;
    return {
      columns: Math.min(MAX_SIDE, Math.max(MIN_COLUMNS, fits.cols)),
      rows: Math.min(MAX_SIDE, Math.max(MIN_ROWS, fits.rows)),
    };
  }

  resize({ columns, rows }: Size): void {
    this.xterm.resize(columns, rows);
  }

  /** Shows all of another device's size, with smaller text where it has to be. */
  squeeze(size: Size): void {
    const own = this.own();
    this.resize(size);
    if (!own) return;
    const share = Math.min(1, own.columns / size.columns, own.rows / size.rows);
    const px = Math.floor(settings.snapshot().fontPx * share * 2) / 2;
    this.xterm.options.fontSize = Math.max(FONT_PX.squeezed, px);
  }

  find(text: string, direction: "next" | "previous"): void {
    const options = { decorations: marksOf(shade() === "dark"), incremental: false };
    if (direction === "next") this.#search.findNext(text, options);
    else this.#search.findPrevious(text, options);
  }

  endSearch(): void {
    this.#search.clearDecorations();
    this.xterm.clearSelection();
  }

  /** Draws by WebGL, where a graphics card does that. A processor that plays one takes five times as long as the page's
   * elements do. */
  async #accelerate(): Promise<void> {
    if (!hasGraphicsCard()) return;
    const made = await import("@xterm/addon-webgl").catch(() => undefined);
    if (!made || this.#life.signal.aborted) return;
    try {
      const webgl = new made.WebglAddon();
      // A computer that slept, or too many pages: the browser takes it away.
      webgl.onContextLoss(() => this.#slowDown());
      this.#webgl = webgl;
      this.xterm.loadAddon(webgl);
      this.#events.onRenderer("webgl");
    } catch {
      this.#slowDown();
    }
  }

  #slowDown(): void {
    this.#webgl?.dispose();
    this.#webgl = undefined;
    this.#events.onRenderer("dom");
  }

  #name(name: string): void {
    this.host.addEventListener(
      "focusin",
      () => this.xterm.textarea?.setAttribute("aria-label", `Terminal of ${name}`),
      { once: true, signal: this.#life.signal },
    );
  }

  #followColours(): void {
    const draw = () => {
      this.xterm.options.theme = coloursOf(shade() === "dark");
    };
    this.#dark.addEventListener("change", draw, { signal: this.#life.signal });
    this.#life.signal.addEventListener("abort", theme.subscribe(draw));
  }

  #linkHandler() {
    return {
      activate: (_: MouseEvent, address: string) => openLink(address),
      hover: (_: MouseEvent, address: string) => this.#events.onLink(linkOf(address)?.href),
      leave: () => this.#events.onLink(undefined),
    };
  }
}

/** In a new tab that knows nothing of this one. Only what a browser opens as a page. */
function openLink(address: string): void {
  const link = linkOf(address);
  if (!link) return;
  const anchor = document.createElement("a");
  anchor.href = link.href;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  anchor.click();
}
