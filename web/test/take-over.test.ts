//! A credential that rotates is one run's at a time: who has it is shown, and another run takes it over after a question.

import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { Refused } from "../dev/sessions.mjs";
import { close, type Desk, launch, open } from "./harness";
import { drawn } from "./terminal-harness";

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
  await page.reload();
});
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

const dialog = () => page.getByRole("dialog", { name: "Codex is in use" });
const runs = () => desk.mock.runs;
const idOf = (run: { view: { runId: string } }) => run.view.runId;

/** A run that has the credential, and the question whether it is to be stopped. */
async function askedAboutFirst() {
  await page.getByRole("button", { name: "Open Codex" }).click();
  await drawn(page);
  const first = runs().newest;
  await page.getByRole("button", { name: "Back to connections" }).click();
  await page.getByRole("button", { name: "Open Codex" }).click();
  await dialog().waitFor();
  return first;
}

/** The person has decided, and the first run is still being saved. */
async function waitingForFirst() {
  const first = await askedAboutFirst();
  runs().saves = true;
  await dialog().getByRole("button", { name: "Take over" }).click();
  await dialog()
    .getByText("Waiting until that run has stopped and its changes of the credential are saved")
    .waitFor();
  await expect.poll(() => first.view.state).toBe("saving");
  return first;
}

it("a card says since when a run uses its credential, and leads to that run", async () => {
  await card.getByText("In use").waitFor();
  expect(await card.locator("[data-holder]").count()).toBe(0);
  await page.getByRole("button", { name: "Open Codex" }).click();
  await drawn(page);
  const { view } = runs().newest;
  await page.getByRole("button", { name: "Back to connections" }).click();
  const held = card.locator(`[data-holder="${view.runId}"]`);
  await held.waitFor();
  const since = held.locator("xpath=../time");
  expect(await since.getAttribute("datetime")).toBe(new Date(view.createdAt).toISOString());
  expect(await since.textContent()).toMatch(/^\d\d:\d\d/);
  await held.click();
  await drawn(page);
  expect(page.url()).toContain(view.runId);
  runs().newest.stop({ code: "idle", detail: "Nobody typed." });
  await page.getByRole("heading", { name: "Nobody used this run of Codex" }).waitFor();
  await page.getByRole("button", { name: "Back", exact: true }).click();
  await held.waitFor({ state: "detached" });
});

it("a credential that does not rotate is used by two runs, and nobody is asked", async () => {
  desk.mock.connected("github-cli", "ada", 1);
  await page.reload();
  for (const count of [1, 2]) {
    await page.getByRole("button", { name: "Open GitHub CLI" }).click();
    await drawn(page);
    expect(runs().all.size).toBe(count);
    await page.getByRole("button", { name: "Back to connections" }).click();
  }
  expect(await page.locator("[data-holder]").count()).toBe(0);
});

it("a provider without runs has no button that opens one", async () => {
  desk.mock.connected("wrangler", "ada@example.test", 1);
  await page.reload();
  await page.getByRole("button", { name: "Reconnect Wrangler" }).waitFor();
  expect(await page.getByRole("button", { name: "Open Wrangler" }).count()).toBe(0);
});

it("whoever leaves the credential where it is has begun and stopped nothing", async () => {
  const first = await askedAboutFirst();
  await dialog().getByRole("button", { name: "Leave it" }).click();
  await dialog().waitFor({ state: "detached" });
  expect(runs().asked.map(({ takeOver }) => takeOver)).toEqual([false, false]);
  expect(first.view.state).toBe("running");
  expect(runs().all.size).toBe(1);
});

it("the question leads to the run that has the credential", async () => {
  const first = await askedAboutFirst();
  await dialog().getByRole("link", { name: "Another run" }).click();
  await drawn(page);
  expect(page.url()).toContain(idOf(first));
});

it("taking over waits until the other run is saved, and says so, and then shows the new one", async () => {
  const first = await waitingForFirst();
  const other = await desk.context.newPage();
  await other.goto(`${desk.mock.origin}/#/run/${idOf(first)}`);
  await other.locator('.run[data-run-state="saving"]').waitFor();
  expect(await dialog().getByRole("button", { name: "Taking over…" }).isDisabled()).toBe(true);
  expect(runs().all.size).toBe(1);
  first.saved();
  await drawn(page);
  expect(page.url()).toContain(idOf(runs().newest));
  expect(idOf(runs().newest)).not.toBe(idOf(first));
  await other.getByRole("heading", { name: "Another run took over" }).waitFor();
  await other.locator('[data-run-reason="taken-over"]').waitFor();
  await other.close();
});

it("somebody who closed the question meanwhile is not fetched away, and finds the new run in the list", async () => {
  const first = await waitingForFirst();
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
  first.saved();
  await expect.poll(() => runs().all.size).toBe(2);
  await page.locator(`.run-row[data-run="${idOf(runs().newest)}"][data-state="running"]`).waitFor();
  await page
    .locator(`.run-row[data-run="${idOf(first)}"]`)
    .getByText("Taken over")
    .waitFor();
  expect(await page.getByRole("heading", { name: "Connections" }).count()).toBe(1);
  expect(page.url()).not.toContain("#/run/");
});

it("a take-over that is refused says why, and can be tried again", async () => {
  const first = await askedAboutFirst();
  runs().refuses = new Refused(409, "not-stopped", "The other run could not be saved in 20 s.") as never;
  await dialog().getByRole("button", { name: "Take over" }).click();
  await dialog().getByText("The other run could not be saved in 20 s.").waitFor();
  expect(first.view.state).toBe("running");
  runs().refuses = undefined;
  await dialog().getByRole("button", { name: "Take over" }).click();
  await drawn(page);
  expect(first.view.reason.code).toBe("taken-over");
});

it("a credential that no run holds is told in the server's words", async () => {
  runs().refuses = new Refused(409, "credential-in-use", "It is being checked now.") as never;
  await page.getByRole("button", { name: "Open Codex" }).click();
  await dialog().getByText("It is being checked now.").waitFor();
  expect(await dialog().getByRole("link").count()).toBe(0);
});

it("a run that was taken over takes the credential back from its own page", async () => {
  const first = await waitingForFirst();
  first.saved();
  await drawn(page);
  runs().saves = false;
  const second = runs().newest;
  await page.goto(`${desk.mock.origin}/#/run/${idOf(first)}`);
  await page.getByRole("heading", { name: "Another run took over" }).waitFor();
  await page.getByRole("button", { name: "Open again Codex" }).click();
  await dialog().getByRole("button", { name: "Take over" }).click();
  await drawn(page);
  expect(second.view.reason.code).toBe("taken-over");
});

it("a run that its machine lost says what is known, and what helps", async () => {
  await page.getByRole("button", { name: "Open Codex" }).click();
  await drawn(page);
  runs().newest.end({ code: "machine-lost", detail: "The machine was killed (signal 9)." });
  await page.getByRole("heading", { name: "The machine stopped before Codex had ended" }).waitFor();
  await page.getByText("The machine was killed (signal 9).").waitFor();
  await page.getByText("you get a new machine").waitFor();
});
