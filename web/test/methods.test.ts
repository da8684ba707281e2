//! The ways to sign in: the card's menu, and another way than the one that was begun.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bringMachine, choose, close, type Desk, launch, live, open, personsTurn, SOON_MS } from "./harness";

/** Three attempts with their pauses, each with its deadline: then the page explains. */
const EXPLAINED_MS = 50_000;

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

const card = (provider: string) => page.locator(`[data-provider="${provider}"]`);
const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");

describe("the card", () => {
  it("connects by the way that was taken last, and a provider with one way has no menu", async () => {
    expect(await card("wrangler").getByRole("button").count()).toBe(1);
    await choose(desk, "Codex", "paste");
    await personsTurn(desk, "paste");
    await page.getByRole("button", { name: "Back to connections" }).click();
    desk.mock.session.state("failed", { code: "cli-failed", detail: "It ended." });
    await page.reload();
    await page.getByRole("button", { name: "Connect Codex" }).click();
    await expect.poll(() => desk.mock.sessions.size).toBe(2);
    expect(desk.mock.session.view.method).toBe("paste");
  });

  it("shows its other ways in a menu that the keyboard opens, walks and leaves", async () => {
    const button = page.getByRole("button", { name: "Other ways to sign in to Codex" });
    await button.focus();
    await page.keyboard.press("ArrowDown");
    expect(await button.getAttribute("aria-expanded")).toBe("true");
    expect(await page.getByRole("menuitem").count()).toBe(3);
    expect(await focused()).toBe("In a browser that runs in the machine, as it is now");
    await page.keyboard.press("ArrowDown");
    expect(await focused()).toBe("With a code, in your own browser");
    await page.keyboard.press("End");
    expect(await focused()).toBe("With a link, in your own browser; you bring the code back");
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "detached" });
    expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.keyboard.press("ArrowUp");
    expect(await focused()).toBe("With a link, in your own browser; you bring the code back");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await expect.poll(() => desk.mock.session?.view.method).toBe("device");
  });

  it("closes its menu at a click elsewhere, and at Tab, which goes on from the button", async () => {
    const button = page.getByRole("button", { name: "Other ways to sign in to Codex" });
    await button.click();
    await page.getByRole("heading", { name: "Connections" }).click();
    await page.getByRole("menu").waitFor({ state: "detached" });
    await button.click();
    await page.keyboard.press("Tab");
    await page.getByRole("menu").waitFor({ state: "detached" });
    expect(await focused()).toBe("Connect Wrangler");
  });
});

describe("another way", () => {
  beforeEach(async () => {
    await choose(desk, "Codex", "device");
    await personsTurn(desk, "device");
  });
  const another = async (method: string) => {
    await page.getByRole("button", { name: "Sign in another way" }).click();
    await page.locator(`.method-menu [data-method="${method}"]`).click();
  };

  it("ends this sign-in and begins the other by one click, without a word of an end between them", async () => {
    const first = desk.mock.session;
    await page.evaluate(() => {
      const results: string[] = [];
      Object.assign(globalThis, { results });
      new MutationObserver(() => {
        const result = document.querySelector("[data-result]");
        if (result) results.push(result.textContent ?? "");
      }).observe(document.body, { subtree: true, childList: true });
    });
    await another("paste");
    await expect.poll(() => desk.mock.sessions.size).toBe(2);
    expect(first.view.state).toBe("cancelled");
    await personsTurn(desk, "paste");
    expect(await page.evaluate(() => (globalThis as unknown as { results: string[] }).results)).toEqual([]);
  });

  it("is not begun while the credential of this one is being saved", async () => {
    // The server knows before the page is told.
    desk.mock.session.view = { ...desk.mock.session.view, state: "saving" };
    await another("paste");
    await page.getByText("The sign-in could not be cancelled. The credential is being saved").waitFor();
    expect(await page.getByRole("button", { name: "Sign in another way" }).isEnabled()).toBe(true);
    expect(desk.mock.sessions.size).toBe(1);
  });

  it("is not begun when the person has gone elsewhere meanwhile", async () => {
    let answer: () => void = () => undefined;
    await page.route(/\/api\/session\/[^/]+$/, async (route) => {
      if (route.request().method() !== "DELETE") return route.continue();
      await new Promise<void>((done) => {
        answer = done;
      });
      return route.continue();
    });
    const answered = page.waitForResponse((response) => response.request().method() === "DELETE");
    await another("paste");
    await page.getByRole("button", { name: "Back to connections" }).click();
    answer();
    await answered;
    await page.goBack();
    await page.getByRole("heading", { name: "You cancelled the sign-in" }).waitFor();
    expect(desk.mock.sessions.size).toBe(1);
  });

  it("is not begun when this one has ended meanwhile", async () => {
    const reason = { code: "saved", detail: "Saved." };
    const answered = page.waitForResponse((response) => response.request().method() === "DELETE");
    desk.mock.session.view = { ...desk.mock.session.view, state: "succeeded", endedAt: Date.now(), reason };
    await another("paste");
    expect((await answered).status()).toBe(410);
    await expect.poll(() => page.getByRole("button", { name: "Sign in another way" }).isEnabled()).toBe(true);
    expect(desk.mock.sessions.size).toBe(1);
    await page.reload();
    await page.getByRole("heading", { name: "Codex is connected" }).waitFor();
  });
});

describe("a desktop that no connection leads to", () => {
  it("gives way to a code by one click, in a browser that makes no connection", async () => {
    await desk.context.addInitScript(() => {
      Object.defineProperty(globalThis, "RTCPeerConnection", { value: undefined });
    });
    await page.reload();
    await page.getByRole("button", { name: "Connect Codex" }).click();
    await page
      .getByRole("heading", { name: "This browser makes no WebRTC connection" })
      .waitFor({ timeout: EXPLAINED_MS });
    await page.getByRole("button", { name: "Sign in another way" }).click();
    await page.locator('.method-menu [data-method="device"]').click();
    await personsTurn(desk, "device");
    expect(desk.mock.sessions.size).toBe(1);
  });

  it("that stands still gives way, and its session is ended", async () => {
    await page.getByRole("button", { name: "Connect Codex" }).click();
    await expect.poll(() => desk.mock.session?.view.epoch, { timeout: SOON_MS }).toBe(1);
    const first = desk.mock.session;
    // The machine answers with another connection's answer, again and again.
    await bringMachine(desk, "foreign");
    await page.getByRole("button", { name: "Sign in another way" }).click({ timeout: EXPLAINED_MS });
    await page.locator('.method-menu [data-method="paste"]').click();
    await expect.poll(() => first.view.state, { timeout: SOON_MS }).toBe("cancelled");
    await personsTurn(desk, "paste");
  });
});

describe("a desktop that works", () => {
  it("gives way to the person's own browser from the bar, and its session is ended", async () => {
    await page.getByRole("button", { name: "Connect Codex" }).click();
    await bringMachine(desk);
    await live(page, 1);
    const first = desk.mock.session;
    await page.getByRole("button", { name: "Sign-in link" }).click();
    await page.locator('#link-menu [data-method="device"]').click();
    await expect.poll(() => first.view.state, { timeout: SOON_MS }).toBe("cancelled");
    await personsTurn(desk, "device");
  });
});

describe("a desktop that is found", () => {
  it("after a reload sends its offer before the view was answered", async () => {
    await page.getByRole("button", { name: "Connect Codex" }).click();
    await bringMachine(desk);
    await live(page, 1);
    // Never answered: what the offer waits for is not this.
    await page.route(/\/api\/session\/[^/]+$/, () => undefined);
    await page.reload();
    await live(page, 2);
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });
});
