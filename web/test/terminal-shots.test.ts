//! Takes a picture of every view of a run, wide and narrow, light and dark, into `test/out/shots`, for people to look at; and
//! checks of each what no picture shows.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { close, type Desk, launch, open } from "./harness";
import { drawn, linesOf, openRun, placeOf, run, shows } from "./terminal-harness";

const out = fileURLToPath(new URL("out/shots/", import.meta.url));
const COLOURS =
  "clear; for m in 3 9 4 10; do for c in 0 1 2 3 4 5 6 7; do printf '\\e[%s%smcolour\\e[0m ' $m $c; done; echo; done; for i in $(seq 0 6 250); do printf '\\e[48;2;%s;120;200m ' $i; done; printf '\\e[0m\\n\\e[1mbold\\e[0m \\e[3mitalic\\e[0m \\e[4munderlined\\e[0m \\e[9mstruck\\e[0m \\e[7minverse\\e[0m \\e[2mdim\\e[0m\\n漢字 かな 한글 👨‍👩‍👧 ✔ ┌──┬──┐ https://example.test/docs\\n'; ls --color -C /usr";
const SIZES = [
  { width: 1280, height: 800, isMobile: false },
  { width: 390, height: 844, isMobile: true },
];

let browser: Browser;

beforeAll(async () => {
  mkdirSync(out, { recursive: true });
  browser = await launch();
});
afterAll(() => browser.close());

it.each(SIZES.flatMap((size) => (["light", "dark"] as const).map((colours) => ({ ...size, colours }))))(
  "every view of a run fits $width x $height in $colours colours",
  async ({ colours, ...size }) => {
    const { width, height, isMobile } = size;
    const context = { colorScheme: colours, viewport: { width, height }, isMobile, hasTouch: isMobile };
    const desk = await open(browser, { context });
    await views(desk, async (name) => {
      await desk.page.screenshot({ path: `${out}run-${name}-${width}-${colours}.png` });
      const tooWide = await desk.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(tooWide, name).toBeLessThanOrEqual(0);
    });
    expect(desk.complaints.filter((text) => !text.includes("WebSocket connection to"))).toEqual([]);
    await close(desk);
  },
);

async function views(desk: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  const { page, mock } = desk;
  mock.connected("codex", "ada@example.test", 3);
  mock.runs.staysIn = "starting" as never;
  await page.reload();
  await page.getByRole("button", { name: "Open Codex" }).click();
  await page.getByRole("heading", { name: "Opening Codex" }).waitFor();
  await shot("1-starting");
  mock.runs.staysIn = undefined;
  mock.runs.newest.advance("running");
  await drawn(page);
  await shows(page, "$");
  await run(page, COLOURS);
  await expect.poll(async () => (await linesOf(page)).some((line) => line.includes("local"))).toBe(true);
  await shot("2-terminal");
  await run(page, "echo colour colour");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByLabel("Search in the terminal").fill("colour");
  await page.getByText(/\d+ of \d+/).waitFor();
  await shot("3-search");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "More" }).click();
  await shot("4-menu");
  await page.keyboard.press("Escape");
  const { x, y } = await placeOf(page, "https://");
  await page.mouse.move(x + 30, y);
  await page.locator(".run-address").waitFor();
  await shot("5-link");
  await page.mouse.move(0, 0);
  await elsewhere(desk, shot);
  mock.down = true;
  mock.dropConnections();
  await page.locator('.run[data-link="away"]').waitFor();
  await page.locator(".terminal-host textarea").focus();
  await page.keyboard.type("typed");
  await page.getByText("What you typed (5 bytes) is sent then.").waitFor();
  await shot("7-away");
  mock.down = false;
  await drawn(page);
  await page.getByRole("button", { name: "Stop" }).click();
  await shot("8-stop");
  await page.keyboard.press("Escape");
  await page.locator(".terminal-host textarea").focus();
  await page.keyboard.press("Control+u");
  await run(page, "exit 3");
  await page.getByRole("heading", { name: "Codex ended with exit code 3" }).waitFor();
  await shot("9-ended");
  await page.reload();
  await page.getByRole("heading", { name: "Codex ended with exit code 3" }).waitFor();
  await shot("10-ended-later");
  await page.getByRole("button", { name: "Back" }).click();
  await page.locator(".run-row").first().waitFor();
  await page.getByRole("heading", { name: "Runs" }).scrollIntoViewIfNeeded();
  await shot("11-list");
  await takeOver(desk, shot);
}

/** A run has the credential, and another one gets it. */
async function takeOver(desk: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  const { page, mock } = desk;
  await openRun(desk);
  const first = mock.runs.newest;
  await page.getByRole("button", { name: "Back to connections" }).click();
  await page.locator("[data-holder]").scrollIntoViewIfNeeded();
  await shot("12-in-use");
  await page.getByRole("button", { name: "Open Codex" }).click();
  await page.locator('[data-take-over="asking"]').waitFor();
  await shot("13-take-over");
  mock.runs.saves = true;
  await page.getByRole("button", { name: "Take over" }).click();
  await page.locator('[data-take-over="waiting"]').waitFor();
  await shot("14-taking-over");
  mock.runs.saves = false;
  first.saved();
  await drawn(page);
  await page.goto(`${mock.origin}/#/run/${first.view.runId}`);
  await page.getByRole("heading", { name: "Another run took over" }).waitFor();
  await shot("15-taken-over");
}

/** Another device sets the size. */
async function elsewhere({ page, context }: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  const other = await context.newPage();
  await other.setViewportSize({ width: 1000, height: 600 });
  await other.goto(page.url());
  await drawn(other);
  await run(other, "echo from the other");
  await shows(page, "from the other");
  await page.bringToFront();
  await page.locator(".run-followed").waitFor();
  await shot("6-followed");
  await other.close();
}
