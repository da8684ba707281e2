//! What is changed in the terminal's library when the page is built. The library is pinned; when it no longer has what is
//! replaced here, the build fails.
//!
//! It has to keep the page's content policy, `default-src 'self'`: what it writes into style elements goes into adopted sheets
//! (`src/terminal/adopted.ts`), and what it writes into style attributes through the object model. And inverse text has to have
//! its contrast measured against the colour that it is drawn in, or else it is grey.

import type { Plugin } from "vite";

const LIBRARY = /@xterm\/xterm\/lib\/xterm\.mjs/;

/** What stands in the library, how often, and what takes its place. */
const CHANGES: readonly [from: string, times: number, to: string][] = [
  [`createElement("style")`, 3, `createElement("adopted-style")`],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the library's source
  ['t.setAttribute("style",`${t.getAttribute("style")||""}${e};`)', 1, "t.style.cssText+=`;${e};`"],
  [
    "this._applyMinimumContrast(f,it,p.foreground,x,tt,Qi)||fi&&",
    1,
    "this._applyMinimumContrast(f,it,fi?p.background:p.foreground,x,tt,Qi)||fi&&",
  ],
];

export function xtermChanges(): Plugin {
  return {
    name: "xterm-changes",
    // The development server would bundle the library without asking this plugin.
    config: () => ({ optimizeDeps: { exclude: ["@xterm/xterm"] } }),
    transform(code, id) {
      if (!LIBRARY.test(id)) return undefined;
      return { code: CHANGES.reduce(changed, code), map: null };
    },
  };
}

function changed(code: string, [from, times, to]: (typeof CHANGES)[number]): string {
  const parts = code.split(from);
  if (parts.length !== times + 1)
    throw new Error(`@xterm/xterm has ${from} ${parts.length - 1} times, not ${times}: see xterm-changes.ts`);
  return parts.join(to);
}
