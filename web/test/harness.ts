//! What the browser tests share: a browser, the mock controller, the person's page and the machine's.

import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { Mock } from "../dev/mock.mjs";

/** How long anything on the page may take, beyond the viewer's own deadlines. */
export const SOON_MS = 8_000;

export type Mode = "good" | "silent" | "foreign" | "no-dtls" | "no-frame";

/** Without its background networking, which a closed network would refuse many times a second. */
const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // The mock's machine is a browser too; real guests offer plain addresses.
  "--disable-features=WebRtcHideLocalIpsWithMdns",
];

export interface Desk {
  mock: Mock;
  context: BrowserContext;
  /** The machines' own: their long polls must not take the page's few connections. */
  machines: BrowserContext;
  page: Page;
  /** What the page wrote to its console as an error, and every refused resource. */
  complaints: string[];
}

export async function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

/** A mock controller and a person's page on its dashboard. */
export async function open(
  browser: Browser,
  options: { build?: string; context?: object } = {},
): Promise<Desk> {
  const dist = fileURLToPath(new URL(`out/${options.build ?? "production"}`, import.meta.url));
  const mock = await new Mock({ dist }).listen();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options.context });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      complaints.push(message.text());
  });
  await page.goto(mock.link);
  await page.getByRole("heading", { name: "Connections" }).waitFor();
  return { mock, context, machines: await browser.newContext(), page, complaints };
}

export async function close({ mock, context, machines }: Desk): Promise<void> {
  await machines.close();
  await context.close();
  await mock.close();
}

/** Clicks Connect and brings the session's machine. */
export async function connect(desk: Desk, mode: Mode = "good"): Promise<Page> {
  await desk.page.getByRole("button", { name: "Connect Codex" }).click();
  return bringMachine(desk, mode);
}

export async function bringMachine({ mock, machines }: Desk, mode: Mode = "good", after = 0): Promise<Page> {
  await expect.poll(() => mock.session?.ended, { timeout: SOON_MS }).toBe(false);
  const { session } = mock;
  for (const step of ["machine-created", "agent-ready"]) session.step(step);
  session.state("signing-in");
  const guest = await machines.newPage();
  await guest.goto(`${mock.origin}/mock/guest.html?session=${session.id}&mode=${mode}&after=${after}`);
  if (mode === "silent") await silenced(guest);
  return guest;
}

export const DEVICE_URL = "https://auth.example.test/device";
export const LOGIN_URL = `https://auth.example.test/oauth/authorize?redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fcb&state=${"s".repeat(400)}`;

/** Connects a provider by a method of its card's menu. */
export async function choose({ page }: Desk, name: string, method: string): Promise<void> {
  await page.getByRole("button", { name: `Other ways to sign in to ${name}` }).click();
  await page.locator(`.method-menu [data-method="${method}"]`).click();
}

/** Chooses what is done seldom from a connected card's menu. */
export async function chooseMore({ page }: Desk, name: string, item: string): Promise<void> {
  await page.getByRole("button", { name: `More of ${name}` }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

/** The sign-in of this method has begun, and waits for the person. */
export async function personsTurn({ mock, page }: Desk, method: "device" | "paste"): Promise<void> {
  await expect.poll(() => mock.session?.view.method, { timeout: SOON_MS }).toBe(method);
  toPersonsTurn(mock.session, method === "device" ? DEVICE_URL : LOGIN_URL);
  await page.getByRole("heading", { name: "in your own browser" }).waitFor();
}

/** Plays the machine of a sign-in without a desktop until the person has to do something. */
export function toPersonsTurn(session: Desk["mock"]["session"], url: string): void {
  for (const step of ["machine-created", "agent-ready"]) session.step(step);
  session.state("signing-in");
  session.step("cli-started");
  if (session.view.method === "device") return session.code("WDJB-MJHT", url);
  session.step("url-found");
  session.url(url);
}

/** Waits until the machine has let an epoch go by: what is set after this is for the next one. */
async function silenced(guest: Page): Promise<void> {
  await guest.waitForFunction(() =>
    (globalThis as unknown as { guest: { epochs: { mode: string }[] } }).guest.epochs.some(
      ({ mode }) => mode === "silent",
    ),
  );
}

/** Waits until the page shows frames of an epoch. */
export async function live(page: Page, epoch?: number, timeout = SOON_MS): Promise<void> {
  const number = epoch === undefined ? "" : `[data-epoch="${epoch}"]`;
  await page.locator(`.sign-in[data-connection="live"]${number}`).waitFor({ timeout });
}

interface Received {
  channel: string;
  t?: string;
  [field: string]: unknown;
}

/** What the machine has got, without the pings. */
export function received(guest: Page): Promise<Received[]> {
  return guest.evaluate(() => (globalThis as unknown as { guest: { received: Received[] } }).guest.received);
}

export async function forgetReceived(guest: Page): Promise<void> {
  await guest.evaluate(() => {
    (globalThis as unknown as { guest: { received: Received[] } }).guest.received = [];
  });
}

export async function setMode(guest: Page, mode: Mode): Promise<void> {
  await guest.evaluate((next) => {
    (globalThis as unknown as { guest: { mode: string } }).guest.mode = next;
  }, mode);
}

export async function hangUp(guest: Page): Promise<void> {
  await guest.evaluate(() => (globalThis as unknown as { guest: { hangUp(): void } }).guest.hangUp());
}

export async function hangUpViews(guest: Page): Promise<void> {
  await guest.evaluate(() =>
    (globalThis as unknown as { guest: { hangUpViews(): void } }).guest.hangUpViews(),
  );
}

/** Waits until the page shows the desktop without input. */
export async function watching(page: Page): Promise<void> {
  await page.locator('[data-watching="live"]').waitFor({ timeout: SOON_MS });
}

/** Notes each cause that the page names, however short it is shown. */
export async function causesFromNow(page: Page): Promise<() => Promise<string[]>> {
  const seen = await page.evaluateHandle(() => {
    const causes = new Set<string>();
    const look = () => {
      const cause = document.querySelector<HTMLElement>(".sign-in")?.dataset.cause;
      if (cause) causes.add(cause);
    };
    new MutationObserver(look).observe(document.body, { subtree: true, attributes: true, childList: true });
    return causes;
  });
  return () => seen.evaluate((causes) => [...causes]);
}

export function steps({ mock }: Desk): string[] {
  return mock.session.view.steps.map(({ step }: { step: string }) => step);
}

const machine = (name: string) => `mac_0123${name.repeat(22)}`;

/** Machines for the administrator's pages: one in use, one that waits, one that is made, one that failed. */
export function administer(mock: Mock): { serving: string; failed: string } {
  const ids = { serving: machine("a"), waiting: machine("b"), made: machine("c"), failed: machine("f") };
  const now = Date.now();
  const more = { driver: "sandbox" };
  mock.machines = {
    machines: [
      {
        ...more,
        id: ids.serving,
        state: "serving",
        session: `ses_${"0".repeat(26)}`,
        provider: "codex",
        createdAt: now - 200_000,
        memoryBytes: 734 * 2 ** 20,
        cpuPercent: 38,
      },
      {
        ...more,
        id: ids.waiting,
        state: "waiting",
        createdAt: now - 7_500_000,
        memoryBytes: 402 * 2 ** 20,
        cpuPercent: 1,
      },
      { ...more, id: ids.made, state: "creating", createdAt: now - 400 },
    ],
    failed: [
      {
        ...more,
        id: ids.failed,
        session: `ses_${"1".repeat(26)}`,
        provider: "wrangler",
        createdAt: now - 4_000_000,
        failedAt: now - 3_900_000,
        reason: { code: "desktop-failed", detail: "the X server ended (exit status: 1) again and again" },
      },
    ],
    logs: {
      [ids.serving]: "INFO assigned\n",
      [ids.failed]:
        "2026-11-22T22:04:09.1Z  INFO anteroom_guest: starts\n" +
        "2026-11-22T22:04:09.3Z  INFO (EE) Fatal server error: could not open default font 'fixed' program=\"Xvfb\"\n" +
        "2026-11-22T22:04:09.3Z ERROR the desktop failed why=the X server ended (exit status: 1) again and again\n",
    },
  };
  return { serving: ids.serving, failed: ids.failed };
}
