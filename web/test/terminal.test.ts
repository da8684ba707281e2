//! What a person does in a run's terminal, with a real shell behind it.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Refused } from "../dev/sessions.mjs";
import { close, type Desk, launch, open, SOON_MS } from "./harness";
import {
  colourAt,
  drawn,
  linesOf,
  openRun,
  placeOf,
  run,
  selectLine,
  shows,
  sizeOf,
} from "./terminal-harness";

let browser: Browser;
let desk: Desk;
let page: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

const shell = () => desk.mock.runs.newest.terminal;

/** A run that is open, with or without WebGL. */
async function begin(options: { build?: string; context?: object } = {}): Promise<void> {
  desk = await open(browser, options);
  page = desk.page;
  await openRun(desk);
}

describe("a run", () => {
  beforeEach(async () => {
    desk = await open(browser);
    page = desk.page;
    desk.mock.connected("codex", "ada@example.test", 3);
    await page.reload();
  });

  it("waits for a place, starts, and opens its terminal by itself", async () => {
    desk.mock.runs.staysIn = "queued" as never;
    await page.getByRole("button", { name: "Open Codex" }).click();
    await page.getByRole("heading", { name: "Waiting for a machine" }).waitFor();
    desk.mock.runs.newest.advance("starting");
    await page.getByRole("heading", { name: "Opening Codex" }).waitFor();
    desk.mock.runs.newest.advance("running");
    await drawn(page);
  });

  it("that is refused says why on its card, and can be tried again", async () => {
    desk.mock.runs.refuses = new Refused(422, "not-connected", "This credential is gone.") as never;
    await page.getByRole("button", { name: "Open Codex" }).click();
    await page.locator('[data-provider="codex"]').getByText("This credential is gone.").waitFor();
    desk.mock.runs.refuses = undefined;
    await page.getByRole("button", { name: "Open Codex" }).click();
    await drawn(page);
  });

  it("is listed under the cards with its state, opened from there, and stopped after a question", async () => {
    await page.getByRole("button", { name: "Open Codex" }).click();
    await drawn(page);
    await page.getByRole("button", { name: "Back to connections" }).click();
    await page.locator('.run-row[data-state="running"]').getByText("just now").waitFor();
    await page.getByRole("button", { name: "Open the run of Codex" }).click();
    await drawn(page);
    await page.getByRole("button", { name: "Back to connections" }).click();
    await page.getByRole("button", { name: "Stop the run of Codex" }).click();
    expect(desk.mock.runs.newest.view.state).toBe("running");
    await page.getByRole("button", { name: "Stop the run", exact: true }).click();
    await page.locator('.run-row[data-state="ended"]').getByText("Stopped").waitFor();
    expect(await page.getByRole("button", { name: "Open the run of Codex" }).count()).toBe(0);
  });

  it("that was begun with arguments is listed with them, and run again with them", async () => {
    const asked = { provider: "codex", arguments: ["exec", "fix it"], columns: 80, rows: 24 };
    await page.request.post(`${desk.mock.origin}/api/runs`, { data: asked });
    await page.reload();
    await page.locator(".run-row").getByText("exec 'fix it'").waitFor();
    await page.getByRole("button", { name: "Open the run of Codex" }).click();
    await drawn(page);
    desk.mock.runs.newest.terminal.write("exit\n");
    await page.getByRole("button", { name: "Run again Codex" }).click();
    await expect.poll(() => desk.mock.runs.asked.length).toBe(2);
    expect(desk.mock.runs.asked[1]).toMatchObject({ provider: "codex", arguments: ["exec", "fix it"] });
  });

  it("that never was is told apart from one that has ended", async () => {
    await page.goto(`${desk.mock.origin}/#/run/ses_${"0".repeat(26)}`);
    await page.getByRole("heading", { name: "There is no such run" }).waitFor();
  });
});

describe("the terminal", () => {
  beforeEach(() => begin());

  it("shows what is typed and what comes of it", async () => {
    await page.keyboard.type("echo $((6 * 7))\n");
    await shows(page, "42");
    expect(shell().typed.toString()).toContain("echo $((6 * 7))\r");
  });

  it("gives Ctrl+C to the CLI", async () => {
    await run(page, "sleep 1000; echo slept");
    await shows(page, "$ sleep 1000; echo slept");
    await page.keyboard.press("Control+c");
    await run(page, "echo $?");
    await shows(page, "130");
    expect(await linesOf(page)).not.toContain("slept");
  });

  it("draws vim, which takes the whole screen and gives it back", async () => {
    await run(page, "echo before; vim -u NONE");
    await expect.poll(() => linesOf(page)).toContain("~");
    await page.keyboard.type("iwritten in vim");
    await shows(page, "written in vim");
    await page.keyboard.press("Escape");
    await page.keyboard.type(":q!\n");
    await shows(page, "before");
    expect((await linesOf(page)).filter((line) => line === "~")).toEqual([]);
  });

  it("tells the shell each size that its window has", async () => {
    const sizes = new Set<string>();
    for (const viewport of [
      { width: 1280, height: 800 },
      { width: 900, height: 500 },
      { width: 390, height: 844 },
    ]) {
      await page.setViewportSize(viewport);
      await expect.poll(() => shell().pages[0].size).not.toBeUndefined();
      await expect
        .poll(async () => {
          const { columns, rows } = shell().size;
          return `${columns}x${rows}` === (await sizeOf(page)) && !sizes.has(`${columns}x${rows}`);
        })
        .toBe(true);
      const [columns, rows] = (await sizeOf(page)).split("x");
      sizes.add(`${columns}x${rows}`);
      await run(page, "stty size");
      await shows(page, `${rows} ${columns}`);
    }
    expect(sizes.size).toBe(3);
  });

  it("has sixteen colours, and all of them", async () => {
    await run(page, "printf '\\e[31mred\\e[0m\\n\\e[38;2;255;120;0morange\\e[0m\\n'");
    await shows(page, "orange");
    expect(await colourAt(page, "red")).toEqual(["palette", 1]);
    expect(await colourAt(page, "orange")).toEqual(["rgb", 0xff7800]);
  });

  it("draws a progress bar in its line, and wide characters in two columns", async () => {
    await run(page, "for i in 1 2 3; do printf '\\r[%s%%]' $i; done; echo; printf '漢👨‍👩‍👧x\\n' | cat");
    await shows(page, "[3%]");
    const column = await page.locator(".terminal-host").evaluate((host) => {
      const { active } = (host as unknown as { terminal: import("@xterm/xterm").Terminal }).terminal.buffer;
      for (let row = 0; row < active.length; row += 1) {
        const line = active.getLine(row);
        if (!line?.translateToString(true).startsWith("漢")) continue;
        for (let at = 0; at < 20; at += 1) if (line.getCell(at)?.getChars() === "x") return at;
      }
      return -1;
    });
    expect(column).toBe(4);
  });

  it("opens a link in a new tab that knows nothing of this one, after a click", async () => {
    await desk.context.route("https://example.test/**", (route) => route.fulfill({ body: "there" }));
    await run(page, "clear; echo see https://example.test/a?b=c now");
    await shows(page, "see https://example.test/a?b=c now");
    const { x, y } = await placeOf(page, "https://example.test/a?b=c now");
    await page.mouse.move(x + 20, y);
    await page.locator(".run-address", { hasText: "https://example.test/a?b=c" }).waitFor();
    const opened = desk.context.waitForEvent("page");
    await page.mouse.click(x + 20, y);
    const tab = await opened;
    await tab.waitForURL("https://example.test/a?b=c");
    expect(await tab.evaluate(() => window.opener)).toBeNull();
    await tab.close();
  });

  it("copies what is selected, by key and by the right button, and pastes as one text", async () => {
    await desk.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await run(page, "clear; echo first line; echo second line");
    await shows(page, "second line");
    await selectLine(page, "first line");
    await page.keyboard.press("Control+Shift+c");
    await expect.poll(clipboard).toBe("first line");
    await page.getByText("Copied.").waitFor();
    await selectLine(page, "second line");
    const { x, y } = await placeOf(page, "second line");
    await page.mouse.click(x, y, { button: "right" });
    await expect.poll(clipboard).toBe("second line");
    await page.evaluate(() => navigator.clipboard.writeText("echo one\necho two"));
    await page.mouse.click(x, y, { button: "right" });
    await expect
      .poll(() => shell().typed.toString(), { timeout: SOON_MS })
      .toContain("\x1b[200~echo one\recho two\x1b[201~");
  });

  it("lets a program put a text into the clipboard, and tells it nothing of what is there", async () => {
    await desk.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await run(page, "printf '\\e]52;c;aGVsbG8=\\a'");
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe("hello");
    await page.getByText("The CLI copied a text to your clipboard.").waitFor();
    await run(page, "printf '\\e]52;c;?\\a'; echo asked");
    await shows(page, "asked");
    expect(shell().typed.toString()).not.toContain("\x1b]52");
  });

  it("finds what it has written, by key, also what has scrolled away", async () => {
    await run(page, "clear; echo needle one; seq 100; echo needle two; seq 900 1000");
    await shows(page, "1000");
    await page.keyboard.press("Control+Shift+f");
    await page.getByLabel("Search in the terminal").fill("needle t");
    await page.getByText("1 of 1").waitFor();
    await page.getByLabel("Search in the terminal").fill("needle");
    await page.getByText("2 of 2").waitFor();
    await page.keyboard.press("Enter");
    await page.getByText("1 of 2").waitFor();
    await shows(page, "needle one");
    await page.getByLabel("Search in the terminal").fill("no such");
    await page.getByText("Not found").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.type("echo typed again\n");
    await shows(page, "typed again");
  });

  it("makes its text bigger, and remembers it", async () => {
    const before = await sizeOf(page);
    for (let times = 0; times < 4; times += 1)
      await page.getByRole("button", { name: "Bigger text" }).click();
    await expect.poll(() => sizeOf(page)).not.toBe(before);
    const bigger = await sizeOf(page);
    expect(Number.parseInt(bigger, 10)).toBeLessThan(Number.parseInt(before, 10));
    await page.reload();
    await drawn(page);
    expect(await sizeOf(page)).toBe(bigger);
  });

  it("is drawn by WebGL, and by the page's elements when the browser takes WebGL away, in all colours", async () => {
    // This browser's WebGL is the processor's, which the page would not take: it says that it is a card's.
    await page.addInitScript(() => {
      const { getParameter } = WebGL2RenderingContext.prototype;
      Object.assign(WebGL2RenderingContext.prototype, {
        getParameter(this: WebGL2RenderingContext, name: number) {
          const value = Reflect.apply(getParameter, this, [name]);
          return typeof value === "string" ? "A card" : value;
        },
      });
    });
    await page.reload();
    await page.locator('.run[data-renderer="webgl"]').waitFor();
    await shows(page, "$");
    await page.locator(".terminal-host").evaluate((host) => {
      for (const canvas of host.querySelectorAll("canvas"))
        canvas.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
    });
    await page.locator('.run[data-renderer="dom"]').waitFor();
    await run(
      page,
      "clear; printf '\\e[38;2;1;120;2mgreen\\e[0m\\e[31mred\\e[0m\\e[7minverse\\e[0m\\n'; stty size",
    );
    const colourOf = (text: string) =>
      page
        .locator(".xterm-rows span")
        .getByText(text, { exact: true })
        .first()
        .evaluate((span) => getComputedStyle(span).color);
    await shows(page, "greenredinverse");
    expect(await colourOf("green")).toBe("rgb(1, 120, 2)");
    expect(await colourOf("red")).toBe("rgb(179, 38, 30)");
    expect(await colourOf("inverse")).toBe("rgb(255, 255, 255)");
    const [columns, rows] = (await sizeOf(page)).split("x");
    await expect.poll(() => shell().size).toEqual({ columns: Number(columns), rows: Number(rows) });
  });

  it("has a name, gives its text to screen readers when asked, and lets the keyboard go", async () => {
    await page.getByRole("button", { name: "More" }).click();
    await page.getByLabel("Read out what is written").check();
    await page.keyboard.press("Escape");
    await run(page, "echo heard");
    await page.locator(".xterm-accessibility-tree").getByText("heard", { exact: true }).waitFor();
    expect(await page.getByRole("textbox", { name: "Terminal of Codex" }).count()).toBe(1);
    await page.locator(".terminal-host textarea").focus();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
    await page.keyboard.press("Control+Alt+Shift");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe(
      "Back to connections",
    );
  });
});

describe("the end", () => {
  beforeEach(() => begin());

  it("leaves the last screen where it can be read, with the exit code and a way to open again", async () => {
    await run(page, "echo last words; exit 3");
    await page.getByRole("heading", { name: "Codex ended with exit code 3" }).waitFor();
    await page.keyboard.type("more");
    await shows(page, "last words");
    const bottomOf = async (selector: string) => {
      const box = await page.locator(selector).boundingBox();
      return (box?.y ?? 0) + (box?.height ?? 0);
    };
    await expect
      .poll(async () => (await bottomOf(".xterm-screen")) <= (await bottomOf(".run-stage")))
      .toBe(true);
    expect(await page.locator(".run-end").getAttribute("data-run-end")).toBe("3");
    expect(shell().typed.toString()).not.toContain("more");
    await page.getByRole("button", { name: "Open again" }).click();
    await expect.poll(() => desk.mock.runs.all.size).toBe(2);
    await drawn(page);
  });

  it("is told also to a page that comes later", async () => {
    await run(page, "exit 0");
    await page.getByRole("heading", { name: "Codex has ended" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Codex has ended" }).waitFor();
    await page.getByRole("button", { name: "Back" }).click();
    await page.getByRole("heading", { name: "Connections" }).waitFor();
  });

  it("comes after a question when the person stops it", async () => {
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Let it go on" }).click();
    expect(desk.mock.runs.newest.view.state).toBe("running");
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Stop the run" }).click();
    await page.getByRole("heading", { name: "You stopped the run of Codex" }).waitFor();
    await page.locator('[data-run-reason="stopped-by-person"]').waitFor();
  });
});
