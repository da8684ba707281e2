//! The versions of a credential: seen, and restored after a question.

import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { chooseMore, close, type Desk, launch, open } from "./harness";
import { drawn } from "./terminal-harness";

const HOUR_MS = 3_600_000;

let browser: Browser;
let desk: Desk;
let page: Page;
let dialog: Locator;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await open(browser);
  page = desk.page;
  dialog = page.getByRole("dialog", { name: "Versions of Codex" });
  desk.mock.connected("codex", "ada@example.test", 3);
  desk.mock.versions.save(id(), {
    origin: "run",
    account: "ada@example.test",
    savedAt: Date.now() - 2 * HOUR_MS,
  });
  await page.reload();
});
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

const id = (): string => desk.mock.credentials.get("codex").id;
const row = (version: number) => dialog.locator(`[data-version="${version}"]`);
const restore = (version: number) => dialog.getByRole("button", { name: `Restore version ${version}` });
const isFocused = (what: Locator) => what.evaluate((element) => element === document.activeElement);

async function openVersions(): Promise<void> {
  await chooseMore(desk, "Codex", "Versions…");
  await row(1).waitFor();
}

it("each version says when it was saved and by what, and which one is current", async () => {
  await openVersions();
  expect(await row(2).innerText()).toMatch(/Changed by a run 2 hours ago, ada@example.test[\s\S]*Current/);
  expect(await row(1).innerText()).toMatch(/Saved by a sign-in 3 days ago[\s\S]*Restore/);
  expect(await restore(2).count()).toBe(0);
  expect(await dialog.locator("[data-version]").count()).toBe(2);
});

it("an older version is restored only after a question that says what may not work, by the keyboard alone", async () => {
  await openVersions();
  await restore(1).press("Enter");
  await dialog.getByText("Runs from now on get this version").waitFor();
  await dialog.getByText("works only once, and that was used since, it may not work any more").waitFor();
  expect(await isFocused(dialog.getByRole("button", { name: "Leave it" }))).toBe(true);
  await page.keyboard.press("Enter");
  expect(await isFocused(restore(1))).toBe(true);
  expect(desk.mock.versions.of(id())).toHaveLength(2);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await dialog.getByRole("status").getByText("Version 1 is restored, as version 3.").waitFor();
  await row(3).getByText("Current").waitFor();
  expect(await row(3).innerText()).toContain("Restored just now");
  expect(desk.mock.versions.current(id())).toMatchObject({ version: 3, origin: "restore" });
  expect(await isFocused(dialog.getByRole("button", { name: "Close" }))).toBe(true);
});

it("Escape leaves the question, then the dialog, and the focus comes back to the card's menu", async () => {
  await openVersions();
  await restore(1).press("Enter");
  await page.keyboard.press("Escape");
  await dialog.getByRole("button", { name: "Leave it" }).waitFor({ state: "detached" });
  expect(await isFocused(restore(1))).toBe(true);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  expect(await isFocused(page.getByRole("button", { name: "More of Codex" }))).toBe(true);
  expect(desk.mock.versions.of(id())).toHaveLength(2);
});

it("while a run has the credential nothing is restored, and the run is named", async () => {
  await page.getByRole("button", { name: "Open Codex" }).click();
  await drawn(page);
  const { runId } = desk.mock.runs.newest.view;
  await page.getByRole("button", { name: "Back to connections" }).click();
  await openVersions();
  await restore(1).click();
  await dialog.getByRole("button", { name: "Restore it" }).click();
  await dialog.getByRole("alert").getByText("Stop that run first.").waitFor();
  expect(desk.mock.versions.of(id())).toHaveLength(2);
  await dialog.locator(`[data-holder="${runId}"]`).click();
  await drawn(page);
  expect(page.url()).toContain(runId);
});

it("a version that is not kept any more is told in the server's words", async () => {
  await openVersions();
  for (let more = 0; more < 4; more += 1) desk.mock.versions.save(id(), { origin: "run" });
  await restore(1).click();
  await dialog.getByRole("button", { name: "Restore it" }).click();
  await dialog.getByRole("alert").getByText("This version is not kept any more.").waitFor();
});

it("versions that can't be fetched say so", async () => {
  await page.route("**/versions", (route) => route.abort());
  await chooseMore(desk, "Codex", "Versions…");
  await dialog.getByRole("alert").getByText("The server can't be reached.").waitFor();
});
