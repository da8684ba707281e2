//! What a network and a computer do to a connection, and that the page gets over each by itself, with its own name for it.

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as limits from "../src/viewer/limits";
import {
  bringMachine,
  causesFromNow,
  close,
  connect,
  type Desk,
  launch,
  live,
  open,
  setMode,
} from "./harness";

/** The picture has to be back within this, once the network is. */
const BACK_MS = 2_000;

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

/** As the page's own clock sees a computer that slept a minute. */
const sleepAMinute = () =>
  desk.page.evaluate(() => {
    const real = Date.now;
    Date.now = () => real() + 60_000;
  });

const phase = (at: string) => desk.page.locator(`.sign-in[data-connection="${at}"]`).waitFor();

describe("a network that comes back", () => {
  it("gets a new offer while an answer is awaited: the wait may hang in the old one", async () => {
    const guest = await connect(desk, "silent");
    await phase("answering");
    await setMode(guest, "good");
    const causes = await causesFromNow(desk.page);
    await desk.page.evaluate(() => dispatchEvent(new Event("online")));
    await live(desk.page, 2, BACK_MS);
    expect(await causes()).toEqual(["network-changed"]);
  });

  it("ends the pause between two offers, and the offer goes out that could not", async () => {
    await desk.context.setOffline(true);
    await desk.page.getByRole("button", { name: "Connect Codex" }).click();
    await phase("reposting");
    await desk.context.setOffline(false);
    await bringMachine(desk);
    await live(desk.page, 1);
    expect(desk.mock.sessions.size).toBe(1);
  });

  it("brings the session's news also to a page whose stream hangs", async () => {
    await connect(desk);
    await live(desk.page, 1);
    // As when the network is cut without a word: the stream stays open and says nothing.
    await desk.page.evaluate(() => {
      Object.defineProperty(EventSource.prototype, "readyState", { get: () => EventSource.OPEN });
    });
    await desk.context.setOffline(true);
    desk.mock.dropConnections();
    desk.mock.session.url("https://auth.example.test/");
    await desk.context.setOffline(false);
    await desk.page
      .getByRole("button", { name: "Sign-in link", disabled: false })
      .waitFor({ timeout: BACK_MS });
    await live(desk.page, 1);
    expect(desk.mock.session.view.epoch).toBe(1);
  });
});

describe("a computer that slept", () => {
  it("keeps its connection when the machine is still heard", async () => {
    await connect(desk);
    await live(desk.page, 1);
    const causes = await causesFromNow(desk.page);
    await sleepAMinute();
    const before = Date.now();
    const enough = limits.TICK_MS + limits.PROBE_MS + 500;
    await expect.poll(() => Date.now() - before, { timeout: enough + 2_000 }).toBeGreaterThan(enough);
    await live(desk.page, 1);
    expect(await causes()).toEqual([]);
  });

  it("offers anew when it slept before there was an answer", async () => {
    const guest = await connect(desk, "silent");
    await phase("answering");
    await setMode(guest, "good");
    const causes = await causesFromNow(desk.page);
    await sleepAMinute();
    await live(desk.page, 2, limits.TICK_MS + BACK_MS);
    expect(await causes()).toEqual(["computer-slept"]);
  });
});

describe("a machine's side that dies without a word", () => {
  it("is found by its silence, and the next epoch has the picture", async () => {
    const guest = await connect(desk);
    await live(desk.page, 1);
    await bringMachine(desk, "good", 1);
    const causes = await causesFromNow(desk.page);
    const died = Date.now();
    // A crash sends no goodbye.
    void guest.goto("chrome://crash").catch(() => undefined);
    await live(desk.page, 2, limits.SILENT_MS + limits.LOOK_MS + limits.PROBE_MS + BACK_MS);
    expect(Date.now() - died).toBeLessThan(limits.SILENT_MS + limits.LOOK_MS + limits.PROBE_MS + BACK_MS);
    expect(["connection-silent", "disconnected"]).toContain((await causes())[0]);
  });
});

describe("a controller that restarts", () => {
  it("is asked again for the answer that it promised, and the first epoch has the picture", async () => {
    await desk.page.getByRole("button", { name: "Connect Codex" }).click();
    await phase("answering");
    desk.mock.down = true;
    desk.mock.dropConnections();
    await expect.poll(() => desk.mock.refused, { timeout: 5_000 }).toBeGreaterThan(0);
    desk.mock.down = false;
    await bringMachine(desk);
    await live(desk.page, 1);
  });
});
