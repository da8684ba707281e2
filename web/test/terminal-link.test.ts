//! A run's terminal over time: reloads, lost connections, and several devices.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { close, type Desk, launch, open, SOON_MS } from "./harness";
import { drawn, linesOf, openRun, run, shows, sizeOf } from "./terminal-harness";

let browser: Browser;
let desk: Desk;
let page: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
afterEach(async () => {
  // A browser writes each connection that a test breaks.
  expect(desk.complaints.filter((text) => !text.includes("WebSocket connection to"))).toEqual([]);
  await close(desk);
});

const shell = () => desk.mock.runs.newest.terminal;
const isAway = () => page.locator('.run[data-link="away"]').waitFor({ timeout: SOON_MS });

/** Every connection breaks, and none comes about until `back`. */
async function breakConnection(): Promise<() => void> {
  desk.mock.down = true;
  desk.mock.dropConnections();
  await isAway();
  return () => {
    desk.mock.down = false;
  };
}

describe.each(["production", "development"])("in the %s build", (build) => {
  beforeEach(async () => {
    desk = await open(browser, { build });
    page = desk.page;
    await openRun(desk);
  });

  it("a reload shows the screen as it is, and what comes meanwhile", async () => {
    await run(page, "for i in $(seq 100); do echo $i; sleep 0.01; done; vim -u NONE -c 'normal ihere'");
    await page.reload();
    await drawn(page);
    await expect.poll(() => linesOf(page), { timeout: SOON_MS }).toContain("~");
    await page.reload();
    await drawn(page);
    await shows(page, "here");
    expect((await linesOf(page)).join("\n")).toBe(
      shell()
        .text()
        .split("\n")
        .map((line: string) => line.trimEnd())
        .join("\n")
        .trimEnd(),
    );
    await page.keyboard.type(":q!\n");
    await shows(page, "100");
  });
});

describe("a connection", () => {
  beforeEach(async () => {
    desk = await open(browser);
    page = desk.page;
    await openRun(desk);
  });

  it("that is lost comes back by itself, with what was typed meanwhile and what was written", async () => {
    const back = await breakConnection();
    await page.keyboard.type("echo typed while away\n");
    await page.getByText("What you typed (22 bytes) is sent then.").waitFor();
    shell().write("echo written while away\n");
    await expect.poll(() => shell().text()).toContain("\nwritten while away");
    expect(await linesOf(page)).not.toContain("written while away");
    back();
    await shows(page, "written while away");
    await shows(page, "typed while away");
    await page.locator('.run[data-link="open"]').waitFor();
    expect(await page.getByText("The connection is away").count()).toBe(0);
  });

  it("that is away refuses more than 64 KiB, visibly", async () => {
    await desk.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const back = await breakConnection();
    await page.evaluate(() => navigator.clipboard.writeText("x".repeat(70_000)));
    await page.getByRole("button", { name: "Paste" }).click();
    await page.getByText("Not kept: more than 64 KiB wait for the connection.").waitFor();
    back();
    await page.locator('.run[data-link="open"]').waitFor();
    expect(shell().typed.length).toBe(0);
  });

  it("is given up at once when the browser is offline, and comes back with the network", async () => {
    await desk.context.setOffline(true);
    await isAway();
    await desk.context.setOffline(false);
    await page.locator('.run[data-link="open"]').waitFor({ timeout: 2_000 });
    await run(page, "echo back");
    await shows(page, "back");
  });

  it("of somebody who is signed out is not tried again", async () => {
    await desk.context.clearCookies();
    desk.mock.dropConnections();
    await page.getByRole("heading", { name: "Open Anteroom with a link" }).waitFor({ timeout: SOON_MS });
  });

  it("that is behind is skipped ahead, and ends with the same screen", async () => {
    // A computer that is slower than the server, whatever else the cores do.
    const inside = await desk.context.newCDPSession(page);
    await inside.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    await run(page, "yes 0123456789 | head -n 1900000; echo all of it");
    await shows(page, "all of it", 40_000);
    await inside.detach();
    expect(shell().skips).toBeGreaterThan(0);
    expect(await linesOf(page)).toContain("0123456789");
    await run(page, "echo still here");
    await shows(page, "still here");
  });
});

describe("two devices", () => {
  let other: Page;

  beforeEach(async () => {
    desk = await open(browser);
    page = desk.page;
    await openRun(desk);
    other = await desk.context.newPage();
    await other.setViewportSize({ width: 700, height: 500 });
    await other.goto(page.url());
    await drawn(other);
  });

  /** Asks the shell, typed here and read there, until it says the size of who types: what draws a terminal decides how wide its
   * cells are, and may change its mind after the first picture. */
  async function saysSizeOf(typist: Page, reader: Page): Promise<string> {
    const isSaid = async () => {
      await run(typist, "stty size");
      const [columns, rows] = (await sizeOf(typist)).split("x");
      return (await linesOf(reader)).includes(`${rows} ${columns}`);
    };
    await expect.poll(isSaid, { timeout: SOON_MS, interval: 300 }).toBe(true);
    return sizeOf(typist);
  }

  it("see the same, and the size follows who typed last", async () => {
    const own = await sizeOf(page);
    expect(await sizeOf(other)).toBe(own);
    await other.getByText("Another device sets the size").waitFor();
    const others = await saysSizeOf(other, page);
    expect(others).not.toBe(own);
    await expect.poll(() => sizeOf(page)).toBe(others);
    await page.getByText(`Another device sets the size: ${others.replace("x", " × ")}`).waitFor();
    await page.bringToFront();
    const again = await saysSizeOf(page, other);
    expect(again).not.toBe(others);
    await expect.poll(() => sizeOf(other)).toBe(again);
  });

  it("give the size back when one of them goes", async () => {
    const own = await sizeOf(page);
    await run(other, "echo x");
    await expect.poll(() => sizeOf(page)).not.toBe(own);
    await other.close();
    await page.bringToFront();
    await expect.poll(() => sizeOf(page)).toBe(own);
    await expect.poll(() => shell().size.columns).toBe(Number.parseInt(own, 10));
  });

  it("answer a program's question once, and the one that only sees keeps silent", async () => {
    await run(page, "printf '\\e[6n'; read -rs -d R -t 5 at; echo; read -rs -t 1 more; echo $?");
    await shows(page, "142");
    expect(shell().typed.toString().split("\x1b[").length - 1).toBe(1);
    await page.getByText("Another device sets the size").waitFor({ state: "detached" });
  });
});
