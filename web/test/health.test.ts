//! Whether a connection still works, as its card tells it.

import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { close, type Desk, launch, open } from "./harness";

const DAY_MS = 86_400_000;

let browser: Browser;
let desk: Desk;
let page: Page;
let card: Locator;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await open(browser);
  page = desk.page;
  card = page.locator('[data-provider="codex"]');
  desk.mock.connected("codex", "ada@example.test", 3);
});
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

/** The names of what the card can do, in the order of the keyboard. */
const buttons = async () =>
  (await card.getByRole("button").allInnerTexts()).map((text) => text.trim().split(/\s+/)[0]);
const primary = () => card.locator(".button.primary").first().innerText();

it("a connection that expires says when, and stays as it is besides", async () => {
  desk.mock.healthOf("codex", "expiring", undefined, Date.now() + 3 * DAY_MS);
  await page.reload();
  await card.getByText("Expires in 3 days").waitFor();
  await card.getByText("OpenAI's coding agent").waitFor();
  expect(await primary()).toMatch(/^Open/);
});

it("a connection that needs a sign-in says why, and reconnecting comes first", async () => {
  desk.mock.healthOf("codex", "needs-sign-in", "OpenAI refused the refresh token: it was used already.");
  await page.reload();
  await card.getByText("Needs sign-in").waitFor();
  await card.getByText("it was used already").waitFor();
  expect(await primary()).toMatch(/^Reconnect/);
  expect((await buttons()).slice(0, 3)).toEqual(["Reconnect", "", "Open"]);
  await card.getByRole("button", { name: "Open Codex" }).waitFor();
});

it("reconnecting takes nothing away until the new sign-in is saved", async () => {
  desk.mock.healthOf("codex", "needs-sign-in");
  await page.reload();
  await card.getByText("Sign in again").waitFor();
  await card.getByRole("button", { name: "Reconnect Codex" }).click();
  await expect.poll(() => desk.mock.session?.view.provider).toBe("codex");
  expect(desk.mock.credentials.get("codex")?.account).toBe("ada@example.test");
  desk.mock.session.state("failed", { code: "cli-failed", detail: "It ended." });
  await page.getByRole("button", { name: "Back to connections" }).click();
  await card.getByText("ada@example.test").waitFor();
  await card.getByText("Needs sign-in").waitFor();
});

it("a health that this page does not know is no alarm", async () => {
  desk.mock.healthOf("codex", "being-checked", "One moment.");
  await page.reload();
  await card.getByText("Connected", { exact: true }).first().waitFor();
  expect(await card.getAttribute("data-health")).toBe("connected");
  expect(await card.getByText("One moment.").count()).toBe(0);
});

it("a connection is checked from its card's menu, where its tool can be asked, and the card tells what was found", async () => {
  await page.reload();
  await card.getByRole("button", { name: "More of Codex" }).click();
  await page.getByRole("menuitem", { name: "Versions…" }).waitFor();
  expect(await page.getByRole("menuitem", { name: "Check the connection" }).count()).toBe(0);
  desk.mock.checkable("codex");
  await page.reload();
  await card.getByRole("button", { name: "More of Codex" }).click();
  await page.getByRole("menuitem", { name: "Check the connection" }).click();
  const row = page.locator(".run-row");
  await row.getByText("is checked").waitFor();
  desk.mock.healthOf("codex", "needs-sign-in", "codex login status ended with exit code 1.");
  desk.mock.runs.newest.end({ code: "exited", detail: "The CLI ended." }, 1);
  await card.getByText("ended with exit code 1").waitFor();
});
