//! What a person sees and does around the desktop.

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bringMachine, chooseMore, close, connect, type Desk, launch, live, open } from "./harness";

let browser: Browser;
let desk: Desk;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await open(browser);
});
afterEach(() => close(desk));

describe("the dashboard", () => {
  it("tells who is connected since when, and removes only after it was asked", async () => {
    desk.mock.connected("wrangler", "ada@example.test", 3);
    await desk.page.reload();
    const card = desk.page.locator('[data-provider="wrangler"]');
    await card.getByText("ada@example.test").waitFor();
    expect(await card.locator("time").textContent()).toBe("3 days ago");
    await chooseMore(desk, "Wrangler", "Remove…");
    await desk.page.getByRole("dialog", { name: "Remove Wrangler?" }).waitFor();
    await desk.page.keyboard.press("Escape");
    expect(desk.mock.credentials.size).toBe(1);
    await chooseMore(desk, "Wrangler", "Remove…");
    await desk.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await card.getByText("Not connected").waitFor();
    expect(desk.mock.credentials.size).toBe(0);
  });

  it("has a menu on a connected card, which gives the focus back, and so does what it opens", async () => {
    desk.mock.connected("codex", "ada@example.test", 3);
    await desk.page.reload();
    const more = desk.page.getByRole("button", { name: "More of Codex" });
    const isFocused = () => more.evaluate((element) => element === document.activeElement);
    await more.press("ArrowDown");
    await desk.page.getByRole("menu", { name: "More of Codex" }).waitFor();
    await desk.page.keyboard.press("Escape");
    await desk.page.getByRole("menu").waitFor({ state: "detached" });
    expect(await isFocused()).toBe(true);
    await more.press("ArrowUp");
    await desk.page.keyboard.press("Enter");
    await desk.page.getByRole("dialog", { name: "Remove Codex?" }).waitFor();
    await desk.page.keyboard.press("Escape");
    await desk.page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await isFocused()).toBe(true);
    expect(desk.mock.credentials.size).toBe(1);
  });

  it("can be used by the keyboard alone", async () => {
    for (let tabs = 0; tabs < 10; tabs += 1) {
      await desk.page.keyboard.press("Tab");
      const name = await desk.page.evaluate(() => document.activeElement?.textContent?.trim());
      if (name === "Connect Codex") break;
    }
    await desk.page.keyboard.press("Enter");
    await desk.page.getByRole("heading", { name: "Preparing your machine" }).waitFor();
    await expect.poll(() => desk.mock.session?.view.provider).toBe("codex");
  });

  it("without access says how to get it", async () => {
    await desk.context.clearCookies();
    await desk.page.reload();
    await desk.page.getByRole("heading", { name: "Open Anteroom with a link" }).waitFor();
    await desk.page.getByText("anteroom link", { exact: true }).first().waitFor();
  });
});

describe("a sign-in", () => {
  it("that succeeds says whose account it is and that the machine is gone", async () => {
    await connect(desk);
    await live(desk.page);
    desk.mock.connected("codex", "ada@example.test");
    desk.mock.session.state("saving");
    desk.mock.session.state("succeeded", { code: "saved", detail: "Saved." });
    await desk.page.getByRole("heading", { name: "Codex is connected" }).waitFor();
    await desk.page.getByText("ada@example.test").waitFor();
    await desk.page.locator('[data-machine="going"]').waitFor();
    desk.mock.session.step("machine-destroyed");
    await desk.page.locator('[data-machine="gone"]').waitFor();
    await desk.page.getByRole("button", { name: "Done" }).click();
    await desk.page.getByRole("button", { name: "Reconnect Codex" }).waitFor();
  });

  it("that fails says why and what helps, and can be tried again", async () => {
    await connect(desk);
    await live(desk.page);
    desk.mock.session.state("failed", { code: "cli-failed", detail: "codex login ended with exit code 1." });
    await desk.page.getByRole("heading", { name: "The CLI ended with an error" }).waitFor();
    await desk.page.getByText("exit code 1").waitFor();
    await desk.page.getByRole("button", { name: "Try again with Codex" }).click();
    await expect.poll(() => desk.mock.sessions.size).toBe(2);
    await desk.page.getByRole("heading", { name: "Preparing your machine" }).waitFor();
  });

  it("is cancelled after a question, and ends once", async () => {
    await connect(desk);
    await live(desk.page);
    await desk.page.getByRole("button", { name: "Cancel" }).click();
    await desk.page.getByRole("button", { name: "Go on" }).click();
    expect(desk.mock.session.ended).toBe(false);
    await desk.page.getByRole("button", { name: "Cancel" }).click();
    await desk.page.getByRole("button", { name: "Cancel the sign-in" }).click();
    await desk.page.getByRole("heading", { name: "You cancelled the sign-in" }).waitFor();
    expect(desk.mock.session.view.state).toBe("cancelled");
  });

  it("shows its end also to a page that was reloaded after it", async () => {
    await connect(desk);
    await live(desk.page);
    desk.mock.session.state("timed-out", { code: "sign-in-timeout", detail: "15 minutes are over." });
    await desk.page.getByRole("heading", { name: "The time for this sign-in is over" }).waitFor();
    await desk.page.reload();
    await desk.page.getByRole("heading", { name: "The time for this sign-in is over" }).waitFor();
  });

  it("that never was is told apart from one that ended", async () => {
    await desk.page.goto(`${desk.mock.origin}/#/session/ses_00000000000000000000000000`);
    await desk.page.reload();
    await desk.page.getByRole("heading", { name: "There is no such sign-in" }).waitFor();
  });

  it("gives its link to copy", async () => {
    await connect(desk);
    await live(desk.page);
    expect(await desk.page.getByText("Copy link").count()).toBe(0);
    desk.mock.session.url("https://auth.example.test/oauth/authorize?state=1");
    await desk.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await desk.page.getByRole("button", { name: "Sign-in link" }).click();
    await desk.page.getByRole("button", { name: "Copy link" }).click();
    await desk.page.getByRole("button", { name: "Copied" }).waitFor();
    expect(await desk.page.evaluate(() => navigator.clipboard.readText())).toBe(
      "https://auth.example.test/oauth/authorize?state=1",
    );
  });

  it("shows the hosts that a restricted machine was refused, and allows them", async () => {
    await connect(desk);
    await live(desk.page);
    expect(await desk.page.getByRole("button", { name: "Hosts" }).count()).toBe(0);
    desk.mock.session.refuse("login.idp.test", "ads.test");
    await desk.page.getByRole("button", { name: "Hosts" }).click();
    await desk.page.getByRole("button", { name: "Allow login.idp.test" }).click();
    await desk.page.locator('[data-allowed="login.idp.test"]').waitFor();
    expect(desk.mock.session.hosts.allowed).toEqual(["login.idp.test"]);
    expect(await desk.page.locator("[data-refused]").allTextContents()).toEqual(["ads.testAllow"]);
    await desk.page.getByRole("button", { name: "Take login.idp.test back" }).click();
    await desk.page.locator("[data-allowed]").waitFor({ state: "detached" });
    expect(desk.mock.session.hosts.allowed).toEqual([]);
  });

  it("has no layout that jumps: the stage keeps its place from the click to the picture", async () => {
    await desk.page.getByRole("button", { name: "Connect Codex" }).click();
    const before = await desk.page.locator(".stage").boundingBox();
    await bringMachine(desk);
    await live(desk.page);
    expect(await desk.page.locator(".stage").boundingBox()).toEqual(before);
  });
});

describe("a sign-in for which there is no place", () => {
  it("says how many are before it, moves up, and goes on with the connection that waited", async () => {
    desk.mock.ahead = 2;
    await desk.page.getByRole("button", { name: "Connect Codex" }).click();
    await desk.page.getByRole("heading", { name: "Waiting for a machine" }).waitFor();
    await desk.page.getByText("2 sign-ins are before yours.").waitFor();
    desk.mock.session.queue(1);
    await desk.page.getByText("One sign-in is before yours.").waitFor();
    await desk.page.getByRole("button", { name: "Back to connections" }).click();
    await desk.page.locator('[data-provider="codex"]').getByText("Waiting for a machine").waitFor();
    await desk.page.getByRole("button", { name: "Continue" }).click();
    desk.mock.session.queue(0);
    await desk.page.getByText("Yours is the next.").waitFor();
    desk.mock.session.state("starting");
    await desk.page.getByRole("heading", { name: "Preparing your machine" }).waitFor();
    await bringMachine(desk);
    await live(desk.page, 1);
  });

  it("says so when none became free in time", async () => {
    desk.mock.ahead = 0;
    await desk.page.getByRole("button", { name: "Connect Codex" }).click();
    await desk.page.getByText("Yours is the next.").waitFor();
    desk.mock.session.state("failed", { code: "no-capacity", detail: "None became free in time." });
    await desk.page.getByRole("heading", { name: "All machines are in use" }).waitFor();
  });
});
