//! Relays: asked for before they are needed, and never in the way of a sign-in.

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RELAYS_WAIT_MS } from "../src/viewer/limits";
import { bringMachine, close, type Desk, launch, live, open } from "./harness";

/** Nobody listens there: the connection comes up without it. */
const RELAYS = {
  iceServers: [{ urls: ["turn:127.0.0.1:9?transport=udp"], username: "1:t", credential: "c" }],
  expiresAt: Date.now() + 3_600_000,
};

let browser: Browser;
let desk: Desk;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await open(browser);
  desk.mock.relays = RELAYS;
  await desk.page.addInitScript(() => {
    const real = RTCPeerConnection.prototype.setConfiguration;
    const given: string[] = [];
    Object.assign(globalThis, { given });
    RTCPeerConnection.prototype.setConfiguration = function (configuration) {
      given.push(...(configuration?.iceServers ?? []).flatMap(({ urls }) => urls));
      return real.call(this, configuration);
    };
  });
});
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

const given = () => desk.page.evaluate(() => (globalThis as unknown as { given: string[] }).given);
const known = (search: string) =>
  desk.page.waitForResponse((response) => response.url().endsWith(`/api/webrtc/ice-servers${search}`));
const click = () => desk.page.getByRole("button", { name: "Connect Codex" }).click();

describe("relays", () => {
  it("are known before the click, and their ticket goes with it", async () => {
    const asked = known("");
    await desk.page.reload();
    await asked;
    await click();
    await bringMachine(desk);
    await live(desk.page, 1);
    expect(await given()).toEqual(["turn:127.0.0.1:9?transport=udp"]);
    expect(desk.mock.tickets).toHaveLength(1);
    expect(desk.mock.tickets[0]).toMatch(/^tic_/);
  });

  it("that are not known at the click don't delay it: the offer goes without", async () => {
    desk.mock.relaysMs = 30_000;
    await desk.page.reload();
    await click();
    await expect.poll(() => desk.mock.session?.view.epoch, { timeout: 1_500 }).toBe(1);
    await bringMachine(desk);
    await live(desk.page, 1);
    expect(await given()).toEqual([]);
    expect(desk.mock.tickets).toEqual([]);
  });

  it("of a session serve its next epochs, and one that is late is not waited for", async () => {
    await click();
    await bringMachine(desk);
    await live(desk.page, 1);
    const asked = known(`?session=${desk.mock.session.id}`);
    await desk.page.reload();
    await asked;
    await live(desk.page, 2);
    expect(await given()).toEqual(["turn:127.0.0.1:9?transport=udp"]);
    desk.mock.relaysMs = 30_000;
    const before = Date.now();
    await desk.page.reload();
    await expect.poll(() => desk.mock.session.view.epoch, { interval: 20 }).toBe(3);
    expect(Date.now() - before).toBeLessThan(RELAYS_WAIT_MS + 1_500);
    await live(desk.page, 3);
    expect(await given()).toEqual([]);
  });

  it("whose call fails stand in nobody's way", async () => {
    desk.mock.relays = undefined;
    await desk.page.reload();
    await click();
    await bringMachine(desk);
    await live(desk.page, 1);
    await desk.page.reload();
    await live(desk.page, 2);
  });

  it("that this browser does not take are left out", async () => {
    desk.mock.relays = { ...RELAYS, iceServers: [{ urls: ["turn:"], username: "a", credential: "b" }] };
    const asked = known("");
    await desk.page.reload();
    await asked;
    await click();
    await bringMachine(desk);
    await live(desk.page, 1);
  });
});
