//! What the tests of a run's terminal share: a run of a real shell, and what its terminal shows.

import type { Terminal } from "@xterm/xterm";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { type Desk, SOON_MS } from "./harness";

/** The page's terminal, where a test runs in the page. */
type Host = HTMLElement & { terminal: Terminal };

/** Opens a run of Codex by its card, and waits for the shell's prompt. */
export async function openRun(desk: Desk): Promise<void> {
  desk.mock.connected("codex", "ada@example.test", 3);
  await desk.page.reload();
  await desk.page.getByRole("button", { name: "Open Codex" }).click();
  await drawn(desk.page);
  await shows(desk.page, "$");
}

export async function drawn(page: Page): Promise<void> {
  await page.locator('.run[data-drawn="true"][data-link="open"]').waitFor({ timeout: SOON_MS });
}

/** The lines that are seen, without empty ones at the end. */
export function linesOf(page: Page): Promise<string[]> {
  return page.locator(".terminal-host").evaluate((host) => {
    const { terminal } = host as Host;
    const { active } = terminal.buffer;
    const lines = Array.from({ length: terminal.rows }, (_, row) =>
      (active.getLine(active.viewportY + row)?.translateToString(true) ?? "").trimEnd(),
    );
    while (lines.at(-1) === "") lines.pop();
    return lines;
  });
}

/** Waits until a line is seen. */
export async function shows(page: Page, line: string, timeout = SOON_MS): Promise<void> {
  await expect.poll(() => linesOf(page), { timeout }).toContain(line);
}

export async function run(page: Page, command: string): Promise<void> {
  await page.locator(".terminal-host textarea").focus();
  await page.keyboard.type(`${command}\n`);
}

/** Columns and rows as the page has them. */
export async function sizeOf(page: Page): Promise<string> {
  return (await page.locator(".run").getAttribute("data-size")) ?? "";
}

/** The colour of a character's text as the terminal has it: mode and number. */
export function colourAt(page: Page, line: string): Promise<[mode: string, colour: number]> {
  return page.locator(".terminal-host").evaluate((host, wanted) => {
    const { active } = (host as Host).terminal.buffer;
    for (let row = 0; row < active.length; row += 1) {
      const found = active.getLine(row);
      if (found?.translateToString(true) !== wanted) continue;
      const cell = found.getCell(0);
      if (cell) return [cell.isFgRGB() ? "rgb" : "palette", cell.getFgColor()];
    }
    return ["none", 0];
  }, line);
}

/** Selects the line that shows this text, as a person does with three clicks. */
export async function selectLine(page: Page, text: string): Promise<void> {
  const { x, y } = await placeOf(page, text);
  await page.mouse.click(x, y, { clickCount: 3 });
}

/** Where a text begins on the page, in the middle of its first character. */
export async function placeOf(page: Page, text: string): Promise<{ x: number; y: number }> {
  const lines = await linesOf(page);
  const row = lines.findIndex((line) => line.includes(text));
  const column = lines[row]?.indexOf(text) ?? -1;
  expect(row, `${text} in ${lines.join("|")}`).toBeGreaterThanOrEqual(0);
  const [columns, rows] = (await sizeOf(page)).split("x").map(Number) as [number, number];
  const box = await page.locator(".xterm-screen").boundingBox();
  if (!box) throw new Error("the terminal is not seen");
  return {
    x: box.x + ((column + 0.5) * box.width) / columns,
    y: box.y + ((row + 0.5) * box.height) / rows,
  };
}
