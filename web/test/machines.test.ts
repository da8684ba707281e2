//! The administrator's pages in a real browser.

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { administer, close, type Desk, launch, open, SOON_MS } from "./harness";

let browser: Browser;
let desk: Desk;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await open(browser);
});
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

const row = (id: string) => desk.page.locator(`[data-machine="${id}"]`);

it("machines are listed with what they use, and the list follows them", async () => {
  const { serving } = administer(desk.mock);
  await desk.page.getByRole("link", { name: "Machines", exact: true }).click();
  await row(serving).getByText("734 of 2048 MiB").waitFor();
  expect(await row(serving).innerText()).toMatch(/codex, sandbox[\s\S]*In use[\s\S]*3 min[\s\S]*38 %/);
  desk.mock.machines.machines = desk.mock.machines.machines.slice(0, 1);
  await desk.page.getByText("1 of 8 places are taken").waitFor({ timeout: SOON_MS });
});

it("a machine is stopped only after it was asked, by the keyboard alone", async () => {
  const { serving } = administer(desk.mock);
  await desk.page.goto(`${desk.mock.origin}/#/machines`);
  const stop = row(serving).getByRole("button", { name: /^Stop/ });
  await stop.press("Enter");
  await desk.page.getByRole("dialog", { name: "Stop this machine?" }).waitFor();
  await desk.page.keyboard.press("Enter");
  expect(desk.mock.machines.machines[0].state).toBe("serving");
  await stop.press("Enter");
  await desk.page.keyboard.press("Tab");
  await desk.page.keyboard.press("Enter");
  await row(serving).getByText("Being destroyed").waitFor();
  expect(await row(serving).getByRole("button", { name: /^Stop/ }).count()).toBe(0);
});

it("a failed machine's log can be read by its address, and is forgotten on purpose", async () => {
  const { failed } = administer(desk.mock);
  await desk.page.goto(`${desk.mock.origin}/#/machines/${failed}`);
  await desk.page.getByRole("region", { name: "Log" }).getByText("could not open default font").waitFor();
  await desk.page.getByText("again and again").first().waitFor();
  await desk.page.getByRole("link", { name: "All machines" }).click();
  await row(failed)
    .getByRole("button", { name: /^Forget/ })
    .click();
  await desk.page.getByRole("dialog").getByRole("button", { name: "Forget it" }).click();
  await row(failed).waitFor({ state: "detached" });
  await desk.page.goto(`${desk.mock.origin}/#/machines/${failed}`);
  await desk.page.getByRole("alert").getByText("no log of it").waitFor();
});

it("who may not see machines is told so", async () => {
  await desk.page.route("**/api/machines", (route) =>
    route.fulfill({
      status: 403,
      contentType: "application/problem+json",
      body: JSON.stringify({
        type: "/problems/administrator-only",
        title: "For the administrator",
        status: 403,
        detail: "Machines of all people are shown to the administrator of this server only.",
      }),
    }),
  );
  await desk.page.getByRole("link", { name: "Machines", exact: true }).click();
  await desk.page.getByRole("alert").getByText("administrator of this server only").waitFor();
});
