//! Mouse, wheel, keys and text, as they reach the machine.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { close, connect, type Desk, forgetReceived, launch, live, open, received } from "./harness";

let browser: Browser;
let desk: Desk;
let guest: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
afterEach(() => close(desk));

async function start(context: object = {}): Promise<void> {
  desk = await open(browser, { context });
  guest = await connect(desk);
  await live(desk.page);
  await desk.page.bringToFront();
  await desk.page.locator(".keys").focus();
}

/** Where a desktop pixel's middle is on the page, worked out from the picture itself and not by the page's own code. */
async function onPage(x: number, y: number): Promise<{ x: number; y: number }> {
  const box = await desk.page.locator("video").boundingBox();
  if (!box) throw new Error("the video has no box");
  const scale = Math.min(box.width / 1280, box.height / 720);
  return {
    x: box.x + (box.width - 1280 * scale) / 2 + (x + 0.5) * scale,
    y: box.y + (box.height - 720 * scale) / 2 + (y + 0.5) * scale,
  };
}

const ofType = async (t: string) => (await received(guest)).filter((message) => message.t === t);

describe("the mouse", () => {
  const sizes = [
    { viewport: { width: 1280, height: 772 } },
    { viewport: { width: 1000, height: 900 } },
    { viewport: { width: 700, height: 300 } },
    { viewport: { width: 1100, height: 640 }, deviceScaleFactor: 2 },
    { viewport: { width: 820, height: 1100 }, deviceScaleFactor: 1.25 },
  ];
  it.each(sizes)("hits the right pixel in %o", async (context) => {
    await start(context);
    for (const [x, y] of [
      [0, 0],
      [1279, 719],
      [640, 360],
      [333, 555],
    ] as const) {
      await forgetReceived(guest);
      const place = await onPage(x, y);
      await desk.page.mouse.click(place.x, place.y);
      await expect.poll(() => ofType("button")).toHaveLength(2);
      const [down, up] = await ofType("button");
      expect(down).toEqual({
        channel: "input",
        t: "button",
        button: 0,
        down: true,
        x: expect.any(Number),
        y: expect.any(Number),
      });
      // Half a pixel of the page may be more than one of the desktop.
      const most = context.viewport.width < 1280 ? 1 : 0;
      expect(Math.abs(Number(down?.x) - x)).toBeLessThanOrEqual(most);
      expect(Math.abs(Number(down?.y) - y)).toBeLessThanOrEqual(most);
      expect(up).toMatchObject({ down: false, button: 0 });
    }
  });

  it("has all its buttons, drags beyond the edge, and moves on its own channel", async () => {
    await start();
    const from = await onPage(100, 100);
    await desk.page.mouse.move(from.x, from.y);
    await desk.page.mouse.click(from.x, from.y, { button: "right" });
    await desk.page.mouse.click(from.x, from.y, { button: "middle" });
    await expect.poll(async () => (await ofType("button")).map(({ button }) => button)).toEqual([2, 2, 1, 1]);
    await forgetReceived(guest);
    await desk.page.mouse.down();
    await desk.page.mouse.move(from.x, 2);
    await desk.page.mouse.up();
    await expect
      .poll(async () => (await ofType("button")).at(-1))
      .toMatchObject({ down: false, x: 100, y: 0 });
    const moves = (await received(guest)).filter(({ channel }) => channel === "motion");
    expect(moves.length).toBeGreaterThan(0);
    const numbers = moves.map(({ seq }) => Number(seq));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  it("scrolls by notches", async () => {
    await start();
    const place = await onPage(200, 300);
    await desk.page.mouse.move(place.x, place.y);
    await desk.page.mouse.wheel(0, 300);
    await expect
      .poll(async () => (await ofType("wheel")).reduce((sum, { dy }) => sum + Number(dy), 0))
      .toBe(3);
    expect((await ofType("wheel"))[0]).toMatchObject({ x: 200, y: 300, dx: 0 });
  });

  it("is not heard on the bars beside the picture", async () => {
    await start({ viewport: { width: 1600, height: 400 } });
    await desk.page.mouse.click(20, 200);
    const place = await onPage(5, 5);
    await desk.page.mouse.click(place.x, place.y);
    await expect.poll(() => ofType("button")).toHaveLength(2);
  });
});

describe("the keyboard", () => {
  it("sends keys that the browser would keep, in order", async () => {
    await start();
    await desk.page.keyboard.type("aB");
    for (const key of ["Tab", "Escape", "F5", "Control+r", "Backspace"]) await desk.page.keyboard.press(key);
    await expect
      .poll(async () => (await ofType("key")).at(-1))
      .toMatchObject({ key: "Backspace", down: false });
    const downs = (await ofType("key")).filter(({ down }) => down).map(({ key }) => key);
    expect(downs).toEqual(["a", "B", "Tab", "Escape", "F5", "Control", "r", "Backspace"]);
    await live(desk.page, 1);
  });

  it("pastes this computer's clipboard as text, with no modifier held", async () => {
    await start({ permissions: ["clipboard-read", "clipboard-write"] });
    await desk.page.evaluate(() => navigator.clipboard.writeText("pässwörd 密码\r\n2"));
    await desk.page.keyboard.press("Control+v");
    await expect
      .poll(() => ofType("text"))
      .toEqual([{ channel: "input", t: "text", text: "pässwörd 密码\n2" }]);
    const all = await received(guest);
    const at = all.findIndex(({ t }) => t === "text");
    expect(all[at - 1]).toMatchObject({ t: "key", key: "Control", down: false });
    expect((await ofType("key")).some(({ key }) => key === "v")).toBe(false);
  });

  it("sends what an input method has composed, and none of its keys", async () => {
    await start();
    const session = await desk.context.newCDPSession(desk.page);
    await session.send("Input.imeSetComposition", { text: "に", selectionStart: 1, selectionEnd: 1 });
    await session.send("Input.imeSetComposition", { text: "にほん", selectionStart: 3, selectionEnd: 3 });
    await session.send("Input.insertText", { text: "日本" });
    await expect.poll(() => ofType("text")).toEqual([{ channel: "input", t: "text", text: "日本" }]);
    expect(await ofType("key")).toEqual([]);
    expect(await desk.page.locator(".keys").inputValue()).toBe("");
  });

  it("lets go of everything when the page loses the focus", async () => {
    await start();
    await desk.page.keyboard.down("Shift");
    await desk.page.getByRole("button", { name: "Steps" }).focus();
    await expect.poll(async () => (await received(guest)).at(-1)).toMatchObject({ t: "release" });
  });

  it("is given back by Ctrl, Alt and Shift together", async () => {
    await start();
    for (const key of ["Control", "Alt", "Shift"]) await desk.page.keyboard.down(key);
    expect(await desk.page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe(
      "Back to connections",
    );
    await expect.poll(async () => (await received(guest)).at(-1)).toMatchObject({ t: "release" });
  });
});

describe("a finger", () => {
  it("taps to click and drags to scroll", async () => {
    await start({ hasTouch: true });
    const place = await onPage(400, 300);
    await desk.page.touchscreen.tap(place.x, place.y);
    await expect
      .poll(async () => (await ofType("button")).map(({ down, x, y }) => [down, x, y]))
      .toEqual([
        [true, 400, 300],
        [false, 400, 300],
      ]);
    await forgetReceived(guest);
    const session = await desk.context.newCDPSession(desk.page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", y: number) =>
      session.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: type === "touchEnd" ? [] : [{ x: place.x, y }],
      });
    await touch("touchStart", place.y);
    for (let moved = 50; moved <= 200; moved += 50) await touch("touchMove", place.y - moved);
    await touch("touchEnd", 0);
    await expect
      .poll(async () => (await ofType("wheel")).reduce((sum, { dy }) => sum + Number(dy), 0))
      .toBe(2);
    expect(await ofType("button")).toEqual([]);
  });
});
