//! Personal tokens: seen, made, shown once, revoked.

import type { Browser, ConsoleMessage, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Refused } from "../dev/sessions.mjs";
import { close, type Desk, launch, open } from "./harness";

let browser: Browser;
let desk: Desk;
let page: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await open(browser);
  page = desk.page;
});
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

const row = (id: string) => page.locator(`[data-token="${id}"]`);
const button = (name: string) => page.getByRole("button", { name, exact: true });
const value = () => page.locator("[data-token-value]");
const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");
const told = (): string => desk.mock.tokens.told.at(-1) ?? "";

async function openTokens(): Promise<void> {
  await page.getByRole("link", { name: "Tokens", exact: true }).click();
  await page.getByRole("heading", { name: "Tokens", exact: true }).waitFor();
}

async function openForm(): Promise<void> {
  await openTokens();
  await button("New token").click();
}

/** Makes one as a person does, and sees its value. */
async function make(name = "nightly build"): Promise<void> {
  await openForm();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Run", { exact: true }).check();
  await button("Make the token").click();
  await value().waitFor();
}

describe("the list", () => {
  it("tells of each token what it may do, when it was used and how long it lives, newest first", async () => {
    const old = desk.mock.tokens.made("laptop", ["run", "connect"], {
      daysAgo: 80,
      days: 90,
      usedDaysAgo: 3,
    });
    const over = desk.mock.tokens.made("over", ["manage"], { daysAgo: 8, days: 7 });
    const fresh = desk.mock.tokens.made("status page", ["read"], { days: 7 });
    await openTokens();
    await page.getByRole("heading", { name: "3 tokens" }).waitFor();
    expect(await row(old.id).innerText()).toMatch(
      /laptop\s+Connect and run\s+Used 3 days ago\s+Expires in 10 days/,
    );
    expect(await row(fresh.id).innerText()).toMatch(/status page\s+Read\s+Never used\s+Expires in 7 days/);
    expect(await row(over.id).innerText()).toContain("Expired");
    const ids = await page
      .locator("[data-token]")
      .evaluateAll((rows) => rows.map((each) => (each as HTMLElement).dataset.token));
    expect(ids).toEqual([fresh.id, over.id, old.id]);
  });

  it("without a token says so", async () => {
    await openTokens();
    await page.getByRole("heading", { name: "You have no tokens" }).waitFor();
  });

  it("that can't be fetched says so, and is tried again", async () => {
    await page.route("**/api/tokens", (route) => route.abort());
    await openTokens();
    await page.getByRole("alert").getByText("The server can't be reached.").waitFor();
    await page.unroute("**/api/tokens");
    await button("Try again").click();
    await page.getByRole("heading", { name: "You have no tokens" }).waitFor();
  });
});

describe("a new token", () => {
  it("is made by the keyboard alone, with what was chosen", async () => {
    await openTokens();
    await button("New token").press("Enter");
    await page.keyboard.type("nightly build");
    for (const key of ["Tab", "Tab", "Space", "Tab", "Space"]) await page.keyboard.press(key);
    expect(await page.getByLabel("Read", { exact: true }).isChecked()).toBe(true);
    expect(await page.getByLabel("Read", { exact: true }).isDisabled()).toBe(true);
    await page.getByLabel("Expires after").selectOption("90 days");
    await button("Make the token").press("Enter");
    await value().waitFor();
    expect(await focused()).toBe("Copy the token nightly build now");
    const [view] = desk.mock.tokens.views as { id: string; scopes: string[] }[];
    expect(view?.scopes).toEqual(["connect", "run"]);
    await row(view?.id ?? "")
      .getByText("Expires in 90 days")
      .waitFor();
  });

  it("without a name or a scope is not asked for, and the focus goes to what is missing", async () => {
    await openForm();
    await button("Make the token").click();
    await page.getByText("Give it a name").waitFor();
    expect(await page.getByLabel("Name").evaluate((field) => field === document.activeElement)).toBe(true);
    await page.keyboard.type("ci");
    await page.keyboard.press("Enter");
    await page.getByText("Choose at least one.").waitFor();
    expect(
      await page.getByLabel("Read", { exact: true }).evaluate((box) => box === document.activeElement),
    ).toBe(true);
    expect(desk.mock.tokens.views).toEqual([]);
  });

  it("that the server refuses says why at the field that it names", async () => {
    desk.mock.tokens.refuses = new Refused(422, "invalid", "You have a token of this name.", {
      field: "name",
    }) as never;
    await openForm();
    await page.getByLabel("Name").fill("ci");
    await page.getByLabel("Run", { exact: true }).check();
    await button("Make the token").click();
    await page.getByRole("alert").getByText("You have a token of this name.").waitFor();
    expect(await page.getByLabel("Name").getAttribute("aria-invalid")).toBe("true");
    expect(await page.getByLabel("Name").evaluate((field) => field === document.activeElement)).toBe(true);
  });

  it("is left by Escape, and the focus goes back to where it was asked for", async () => {
    await openForm();
    await page.getByLabel("Name").fill("ci");
    await page.keyboard.press("Escape");
    await page.getByLabel("Name").waitFor({ state: "detached" });
    expect(await focused()).toBe("New token");
    expect(desk.mock.tokens.views).toEqual([]);
  });
});

describe("the value", () => {
  it("is copied by its button, and how it is used stands beside it", async () => {
    await desk.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await make();
    expect(await value().innerText()).toBe(told());
    await button("Copy token").click();
    await button("Copied").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(told());
    await page.getByText(`anteroom login ${desk.mock.origin}`, { exact: true }).waitFor();
    await page.getByText("Authorization: Bearer", { exact: true }).waitFor();
  });

  it("is in no storage, address, title, field or log, and is gone once it is closed", async () => {
    const said: string[] = [];
    page.on("console", (message: ConsoleMessage) => said.push(message.text()));
    const sent: string[] = [];
    page.on("request", (request) => sent.push(request.url() + (request.postData() ?? "")));
    await make();
    const kept = () =>
      page.evaluate(() =>
        JSON.stringify([
          { ...localStorage },
          { ...sessionStorage },
          document.cookie,
          document.title,
          location.href,
          history.state,
          [...document.querySelectorAll("input, textarea, select")].map(
            (field) => (field as HTMLInputElement).value,
          ),
        ]),
      );
    expect(await kept()).not.toContain(told());
    await button("Done").click();
    await value().waitFor({ state: "detached" });
    expect(await focused()).toBe("New token");
    expect(await kept()).not.toContain(told());
    expect(await page.content()).not.toContain(told());
    expect(said.join()).not.toContain(told());
    expect(sent.join()).not.toContain(told());
  });

  it("is gone by Escape, and is not there any more for whoever comes back", async () => {
    await make();
    await page.keyboard.press("Escape");
    await value().waitFor({ state: "detached" });
    expect(await focused()).toBe("New token");
    await make("second");
    await page.getByRole("link", { name: "Anteroom: connections" }).click();
    await page.getByRole("heading", { name: "Connections" }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { name: "2 tokens" }).waitFor();
    expect(await value().count()).toBe(0);
    expect(await page.content()).not.toContain(told());
  });

  it("is gone when the page is left, although the browser may keep the page", async () => {
    await make();
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
    await value().waitFor({ state: "detached" });
  });

  it("is not shown to somebody who has left the form meanwhile, and the list has the token", async () => {
    let answer: () => void = () => undefined;
    await page.route("**/api/tokens", async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      await new Promise<void>((done) => {
        answer = done;
      });
      return route.continue();
    });
    await openForm();
    await page.getByLabel("Name").fill("ci");
    await page.getByLabel("Run", { exact: true }).check();
    await button("Make the token").click();
    await button("Making it…").waitFor();
    await page.keyboard.press("Escape");
    answer();
    await page.getByRole("heading", { name: "One token" }).waitFor();
    expect(await value().count()).toBe(0);
  });
});

describe("revoking", () => {
  it("happens only after a question, by the keyboard alone", async () => {
    const kept = desk.mock.tokens.made("laptop", ["run"]);
    const lost = desk.mock.tokens.made("ci", ["run"]);
    await openTokens();
    const revoke = page.getByRole("button", { name: "Revoke ci" });
    await revoke.press("Enter");
    await row(lost.id).getByText("refused from now on").waitFor();
    expect(await focused()).toBe("Keep it");
    await page.keyboard.press("Escape");
    expect(await focused()).toMatch(/^Revoke\s+ci$/);
    expect(desk.mock.tokens.views).toHaveLength(2);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await row(lost.id).waitFor({ state: "detached" });
    await page.getByRole("status").getByText("The token ci is revoked.").waitFor({ state: "attached" });
    expect(await focused()).toBe("One token");
    expect(desk.mock.tokens.views).toEqual([kept]);
  });

  it("that fails says so beside the token", async () => {
    const { id } = desk.mock.tokens.made("ci", ["run"]);
    await openTokens();
    await page.route("**/api/tokens/*", (route) => route.abort());
    await page.getByRole("button", { name: "Revoke ci" }).click();
    await button("Revoke it").click();
    await row(id).getByRole("alert").getByText("It was not revoked. The server can't be reached.").waitFor();
    await page.unroute("**/api/tokens/*");
    await button("Revoke it").click();
    await row(id).waitFor({ state: "detached" });
  });
});
