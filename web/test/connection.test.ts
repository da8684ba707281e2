//! The connection in a real browser: from the click to the frame, and through everything that can break it.

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PROBE_MS } from "../src/viewer/limits";
import {
  bringMachine,
  causesFromNow,
  close,
  connect,
  type Desk,
  hangUp,
  launch,
  live,
  open,
  SOON_MS,
  setMode,
  steps,
} from "./harness";

let browser: Browser;
let desk: Desk;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
afterEach(() => close(desk));

const framesSeen = () =>
  desk.page
    .locator("video")
    .evaluate((video: HTMLVideoElement) => video.getVideoPlaybackQuality().totalVideoFrames);

describe("the page", () => {
  beforeEach(async () => {
    desk = await open(browser);
  });
  afterEach(() => expect(desk.complaints).toEqual([]));

  it("sends its offer with the click, and shows frames and reports them once a machine has answered", async () => {
    await desk.page.getByRole("button", { name: "Connect Codex" }).click();
    await expect.poll(() => desk.mock.session?.view.epoch).toBe(1);
    expect(desk.mock.session.epochs.get(1).offer.sdp).toContain("m=application");
    expect(desk.mock.session.view.state).toBe("starting");
    await bringMachine(desk);
    await live(desk.page, 1);
    await expect
      .poll(() => steps(desk))
      .toEqual(expect.arrayContaining(["answer-stored", "ice-connected", "dtls-connected", "frame-decoded"]));
    expect(desk.mock.session.view.connection).toBe("frame-decoded");
    expect(
      await desk.page.locator("video").evaluate((video: HTMLVideoElement) => video.videoWidth),
    ).toBeGreaterThan(0);
    await expect.poll(() => desk.page.locator(".latency").textContent()).toMatch(/^\d+ ms$/);
  });

  it("goes on with a new epoch after a reload", async () => {
    await connect(desk);
    await live(desk.page, 1);
    await desk.page.reload();
    await live(desk.page, 2, 2_000);
  });

  it("offers again within a second when the machine's side is gone, and keeps the last picture meanwhile", async () => {
    const guest = await connect(desk);
    await live(desk.page, 1);
    await setMode(guest, "silent");
    const before = Date.now();
    await hangUp(guest);
    await expect.poll(() => desk.mock.session.view.epoch, { interval: 10, timeout: SOON_MS }).toBe(2);
    expect(Date.now() - before).toBeLessThan(1_000);
    expect(await desk.page.locator(".pill").textContent()).toContain("Connecting again");
    // The desktop's ground is no black: a still that lost its frame would be.
    const ground = await desk.page.locator(".picture canvas").evaluate((still: HTMLCanvasElement) => {
      return Array.from(still.getContext("2d")?.getImageData(20, 20, 1, 1).data ?? []);
    });
    expect(Math.abs((ground[0] ?? 0) - 0x2d)).toBeLessThan(16);
    expect(Math.abs((ground[2] ?? 0) - 0x40)).toBeLessThan(16);
  });

  it("shows the second epoch's picture after the machine's failure", async () => {
    const guest = await connect(desk);
    await live(desk.page, 1);
    await hangUp(guest);
    await live(desk.page, 2);
    await desk.page.locator(".pill").waitFor({ state: "detached" });
    expect(await desk.page.locator(".picture canvas").count()).toBe(0);
    expect(await desk.page.locator("video").count()).toBe(1);
  });

  it("that is hidden also knows when a frame was decoded", async () => {
    await desk.page.addInitScript(() => {
      // As a browser's hidden tab is: no frame callbacks, and the page knows that it is hidden.
      Object.defineProperty(document, "hidden", { get: () => true });
      HTMLVideoElement.prototype.requestVideoFrameCallback = () => 0;
    });
    await desk.page.reload();
    await connect(desk);
    await live(desk.page, 1);
  });

  it("names an answer to somebody else's offer and gets over it", async () => {
    const guest = await connect(desk, "foreign");
    await desk.page.locator('.sign-in[data-connection="securing"]').waitFor({ timeout: SOON_MS });
    expect(steps(desk)).toContain("ice-connected");
    expect(steps(desk)).not.toContain("dtls-connected");
    const causes = await causesFromNow(desk.page);
    await setMode(guest, "good");
    await live(desk.page, 2, 10_000);
    expect(await causes()).toEqual(["dtls-timeout"]);
    expect(steps(desk)).toContain("frame-decoded");
  });

  it("names a handshake that fails and gets over it", async () => {
    const guest = await connect(desk, "no-dtls");
    await desk.page.locator('.sign-in[data-cause^="dtls-"]').waitFor({ timeout: SOON_MS });
    await desk.page.getByText("could not be encrypted").first().waitFor();
    await setMode(guest, "good");
    await live(desk.page, undefined, 20_000);
  });

  it("keeps a connection that answers when the network may have changed", async () => {
    await connect(desk);
    await live(desk.page, 1);
    await desk.page.evaluate(() => dispatchEvent(new Event("online")));
    const pings = () => desk.page.locator(".latency").textContent();
    await expect.poll(pings).toMatch(/ms$/);
    // Longer than the probe may take: if it had failed, there would be a second epoch.
    const before = Date.now();
    await expect.poll(() => Date.now() - before, { timeout: SOON_MS }).toBeGreaterThan(PROBE_MS + 500);
    expect(desk.mock.session.view.epoch).toBe(1);
  });

  it("does not take a connection without frames for a success", async () => {
    await connect(desk, "no-frame");
    await expect.poll(() => desk.mock.session.view.epoch, { timeout: 12_000 }).toBe(2);
    expect(steps(desk)).not.toContain("frame-decoded");
    await desk.page.getByText("sends no picture").first().waitFor();
  });

  it("sends the same offer again when the controller was away at the click", async () => {
    desk.mock.down = true;
    await desk.page.getByRole("button", { name: "Connect Codex" }).click();
    await desk.page.getByRole("heading", { name: "The server can't be reached" }).waitFor();
    desk.mock.down = false;
    await bringMachine(desk);
    await live(desk.page, 1);
    expect(desk.mock.sessions.size).toBe(1);
  });

  it("keeps its picture while the controller is away", async () => {
    await connect(desk);
    await live(desk.page, 1);
    desk.mock.down = true;
    desk.mock.dropConnections();
    const before = await framesSeen();
    await expect.poll(framesSeen, { timeout: SOON_MS }).toBeGreaterThan(before + 30);
    desk.mock.down = false;
    desk.mock.session.url("https://auth.example.test/");
    await desk.page
      .getByRole("button", { name: "Sign-in link", disabled: false })
      .waitFor({ timeout: SOON_MS });
    await live(desk.page, 1);
    expect(desk.mock.session.view.epoch).toBe(1);
  });

  it("leaves the desktop to the newer page and can take it back", async () => {
    const guest = await connect(desk);
    await live(desk.page, 1);
    const other = await desk.context.newPage();
    await other.goto(desk.page.url());
    await live(other, 2);
    await desk.page.getByRole("button", { name: "Take back" }).waitFor({ timeout: SOON_MS });
    const tooWide = await desk.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(tooWide).toBeLessThanOrEqual(0);
    // By the keyboard, from the desktop that had it: it must not keep the keys of a picture that is lost.
    await desk.page.bringToFront();
    await desk.page.locator(".keys").focus();
    await desk.page.keyboard.press("Tab");
    await desk.page.keyboard.press("Enter");
    await live(desk.page, 3);
    await other.getByRole("button", { name: "Take back" }).waitFor();
    await guest.close();
  });
});

describe("StrictMode", () => {
  it("mounts twice without a second connection", async () => {
    desk = await open(browser, { build: "development" });
    await connect(desk);
    await live(desk.page, 1);
    await desk.page.getByRole("button", { name: "Back to connections" }).click();
    await desk.page.getByRole("button", { name: "Continue" }).click();
    await live(desk.page, 1);
    expect(desk.mock.session.view.epoch).toBe(1);
    const paused = await desk.page.locator("video").evaluate((video: HTMLVideoElement) => video.paused);
    expect(paused).toBe(false);
    expect(desk.complaints).toEqual([]);
  });
});
