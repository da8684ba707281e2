//! More than one page of one session: who has the desktop, and who only sees it.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  bringMachine,
  close,
  connect,
  type Desk,
  forgetReceived,
  hangUp,
  hangUpViews,
  launch,
  live,
  open,
  received,
  SOON_MS,
  watching,
} from "./harness";

let browser: Browser;
let desk: Desk;
let guest: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await open(browser);
  guest = await connect(desk);
  await live(desk.page, 1);
});
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

async function secondTab(): Promise<Page> {
  const other = await desk.context.newPage();
  await other.goto(desk.page.url());
  return other;
}

const elsewhere = (page: Page) =>
  page.locator('.sign-in[data-connection="elsewhere"]').waitFor({ timeout: SOON_MS });

/** A still, or a video: something of the desktop's ground is drawn in the page's middle top. */
async function isSeen(page: Page): Promise<boolean> {
  const size = await page
    .locator("[data-watching] video")
    .evaluate((video: HTMLVideoElement) => video.videoWidth);
  return size > 0;
}

describe("a second page", () => {
  it("has the desktop at once, and the first says so without waiting for its picture to be lost", async () => {
    // A machine that never answers the newer page leaves the older connection as it is.
    await guest.evaluate(() => {
      (globalThis as unknown as { guest: { mode: string } }).guest.mode = "silent";
    });
    await secondTab();
    await elsewhere(desk.page);
    await desk.page.getByRole("heading", { name: "This desktop is shown elsewhere" }).waitFor();
  });

  it("has the desktop also when it was told of the newest epoch by the refusal of its offer alone", async () => {
    const other = await desk.context.newPage();
    await other.route("**/events", (route) => route.abort());
    // A view from before the first offer: it says that there is a desktop, and of no epoch.
    const { view } = desk.mock.session;
    await other.route(`**/api/session/${view.sessionId}`, (route) =>
      route.fulfill({ json: { ...view, epoch: 0 } }),
    );
    const offers: (number | undefined)[] = [];
    other.on("request", (request) => {
      if (request.method() === "POST" && request.url().endsWith("/offer"))
        offers.push(request.postDataJSON().after);
    });
    await other.goto(desk.page.url());
    await live(other, 2);
    expect(offers).toEqual([0, 1]);
    expect(desk.mock.session.view.epoch).toBe(2);
  });

  it("is not fought for: the first page's lost connection asks once, is refused, and asks no more", async () => {
    // No stream tells the first page; it learns from the refusal of its offer.
    await desk.page.route("**/events", (route) => route.abort());
    desk.mock.dropConnections();
    const other = await secondTab();
    await live(other, 2);
    await hangUp(guest);
    await elsewhere(desk.page);
    await live(other);
    const epoch = desk.mock.session.view.epoch;
    await desk.page.getByRole("button", { name: "View only" }).click();
    await watching(desk.page);
    await live(other);
    expect(desk.mock.session.view.epoch).toBe(epoch);
  });

  it("offers to view only, and hands the desktop back by it", async () => {
    const other = await secondTab();
    await live(other, 2);
    await elsewhere(desk.page);
    await other.getByRole("button", { name: "View only" }).click();
    await watching(other);
    expect(other.url()).toContain("/view");
    await desk.page.getByRole("button", { name: "Take back" }).click();
    await live(desk.page, 3);
    await watching(other);
    expect(desk.mock.session.view.epoch).toBe(3);
  });

  it("that was only reloaded has no such button: nobody else's desktop was taken", async () => {
    await desk.page.reload();
    await live(desk.page, 2);
    expect(await desk.page.getByRole("button", { name: "View only" }).count()).toBe(0);
  });
});

describe("view only", () => {
  let other: Page;
  beforeEach(async () => {
    other = await desk.context.newPage();
    await other.goto(`${desk.page.url()}/view`);
    await watching(other);
  });

  it("shows the desktop beside the page that has it, and makes no epoch", async () => {
    expect(await isSeen(other)).toBe(true);
    await other.getByText("View only").first().waitFor();
    await live(desk.page, 1);
    expect(desk.mock.session.view.epoch).toBe(1);
    const [view] = [...desk.mock.session.views.values()];
    await expect.poll(() => view.patches).toBeGreaterThan(0);
  });

  it("sends no key, no click and no position", async () => {
    await other.bringToFront();
    await forgetReceived(guest);
    await other.mouse.move(400, 400);
    await other.mouse.click(640, 400);
    await other.keyboard.type("not sent");
    await other.mouse.wheel(0, 300);
    // What was sent would be there before this, which comes from the page that has the desktop.
    await desk.page.bringToFront();
    await desk.page.locator(".keys").focus();
    await desk.page.keyboard.press("x");
    await expect.poll(async () => (await received(guest)).some(({ key }) => key === "x")).toBe(true);
    const heard = (await received(guest)).filter(({ t }) => t !== "release").map(({ t, key }) => key ?? t);
    expect(heard).toEqual(["x", "x"]);
  });

  it("comes back by itself when its connection is lost", async () => {
    await hangUpViews(guest);
    await expect
      .poll(() => guest.evaluate(() => (globalThis as unknown as { guest: { views: number } }).guest.views), {
        timeout: SOON_MS,
      })
      .toBe(2);
    await watching(other);
    await live(desk.page, 1);
  });

  it("stays so after a reload", async () => {
    await other.reload();
    await watching(other);
    expect(desk.mock.session.view.epoch).toBe(1);
  });

  it("gives its connection back when the page is left", async () => {
    expect(desk.mock.session.views.size).toBe(1);
    await other.close({ runBeforeUnload: false });
    await other.isClosed();
    await desk.page.bringToFront();
    await expect.poll(() => desk.mock.session.views.size, { timeout: SOON_MS }).toBe(0);
  });

  it("takes the desktop over when the person says so, and shows the picture all the while", async () => {
    await other.getByRole("button", { name: "Take over" }).click();
    await live(other, 2);
    await elsewhere(desk.page);
    expect(other.url()).not.toContain("/view");
    await expect.poll(() => desk.mock.session.views.size).toBe(0);
    await other.bringToFront();
    await forgetReceived(guest);
    await other.locator(".keys").focus();
    await other.keyboard.press("y");
    await expect.poll(async () => (await received(guest)).some(({ key }) => key === "y")).toBe(true);
  });

  it("ends with the session", async () => {
    desk.mock.session.state("failed", { code: "cli-failed", detail: "It ended." });
    await other.getByRole("heading", { name: "The CLI ended with an error" }).waitFor();
  });
});

describe("view only before there is a picture", () => {
  it("waits as long as the server says, and says so", async () => {
    await desk.page.getByRole("button", { name: "Cancel" }).click();
    await desk.page.getByRole("button", { name: "Cancel the sign-in" }).click();
    await desk.page.getByRole("button", { name: "Try again with Codex" }).click();
    await expect.poll(() => desk.mock.sessions.size).toBe(2);
    const { session } = desk.mock;
    const other = await desk.context.newPage();
    await other.goto(`${desk.mock.origin}/#/session/${session.id}/view`);
    await other.getByText("There is no picture yet").first().waitFor();
    await bringMachine(desk);
    await watching(other);
  });
});
