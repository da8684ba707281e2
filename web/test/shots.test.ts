//! Takes a picture of every view, light and dark, into `test/out/shots`, for people to look at; and checks of each
//! what no picture shows: that nothing is wider than the window, and that the content policy refused nothing.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Refused } from "../dev/sessions.mjs";
import {
  administer,
  bringMachine,
  chooseMore,
  close,
  type Desk,
  hangUp,
  launch,
  live,
  open,
  setMode,
  toPersonsTurn,
  watching,
} from "./harness";

const DAY_MS = 86_400_000;
/** A window, and a telephone, with the ends of their pictures' names. */
const WIDTHS = [
  [1280, ""],
  [390, "-narrow"],
] as const;
const out = fileURLToPath(new URL("out/shots/", import.meta.url));
let browser: Browser;

beforeAll(async () => {
  mkdirSync(out, { recursive: true });
  browser = await launch();
});
afterAll(() => browser.close());

it.each(["light", "dark"] as const)(
  "every view fits its window and breaks no policy, in %s colours",
  async (colorScheme) => {
    const desk = await open(browser, { context: { colorScheme } });
    await views(desk, async (name) => {
      await desk.page.screenshot({ path: `${out}${name}-${colorScheme}.png` });
      const tooWide = await desk.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(tooWide, name).toBeLessThanOrEqual(0);
    });
    expect(desk.complaints).toEqual([]);
    await close(desk);
  },
);

/** The connection's page with a server that has something to say, and its way back. */
async function connection({ page, mock }: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  mock.relays = {
    iceServers: [
      {
        urls: [
          "turn:127.0.0.1:9?transport=udp",
          "turn:127.0.0.1:9?transport=tcp",
          "turns:[::1]:9?transport=tcp",
        ],
        username: "1:t",
        credential: "c",
      },
    ],
  };
  mock.connection = {
    relay: "embedded",
    urls: ["turn:127.0.0.1:9?transport=udp"],
    findings: [{ level: "ok", what: "The relay's certificate is good for 71 days.", remedy: "" }],
  };
  await page.getByRole("link", { name: "Connection", exact: true }).click();
  await page.getByText("Trying…").first().waitFor();
  await shot("15-connection-trying");
  await page.locator('[data-verdict="warning"]').waitFor({ timeout: 12_000 });
  await shot("16-connection");
  await page.setViewportSize({ width: 480, height: 1000 });
  await shot("17-connection-narrow");
  await page.setViewportSize({ width: 1280, height: 800 });
  mock.relays = { iceServers: [] };
  mock.connection = undefined;
  await page.getByRole("button", { name: "Check again" }).click();
  await page.locator('[data-verdict="ok"]').waitFor();
  await shot("18-connection-good");
  await page.getByRole("link", { name: "Anteroom: connections" }).click();
  await page.getByRole("heading", { name: "Connections" }).waitFor();
}

/** The administrator's pages, with machines in every state. */
async function machines({ page, mock }: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  administer(mock);
  await page.getByRole("link", { name: "Machines", exact: true }).click();
  await page.getByText("3 of 8 places are taken").waitFor();
  await shot("22-machines");
  await page.setViewportSize({ width: 390, height: 1200 });
  await shot("23-machines-narrow");
  await page.getByRole("link", { name: "Log of mac_0123ffff" }).click();
  await page.getByText("could not open default font").waitFor();
  await shot("24-machine-log-narrow");
  await page.setViewportSize({ width: 1280, height: 800 });
  await shot("25-machine-log");
  await page.getByRole("link", { name: "Anteroom: connections" }).click();
  await page.getByRole("heading", { name: "Connections" }).waitFor();
}

/** Connections that expire or need a sign-in, and the versions of one, wide and narrow. */
async function connections(desk: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  const { page, mock } = desk;
  const saved = { account: "ada@example.test", savedAt: Date.now() - 7_200_000 };
  mock.connected("codex", "ada@example.test", 12);
  mock.connected("claude-code", "ada@example.test", 40);
  mock.healthOf("wrangler", "expiring", undefined, Date.now() + 3 * DAY_MS);
  mock.healthOf("codex", "needs-sign-in", "OpenAI refused the refresh token: it was used already.");
  mock.versions.save(mock.credentials.get("codex").id, { ...saved, origin: "run" });
  mock.versions.save(mock.credentials.get("codex").id, { ...saved, origin: "restore" });
  await page.reload();
  await page.getByText("Needs sign-in").waitFor();
  for (const [width, end] of WIDTHS) {
    await page.setViewportSize({ width, height: width === 390 ? 1200 : 800 });
    await shot(`35-health${end}`);
    await page.getByRole("button", { name: "More of Codex" }).press("ArrowDown");
    await page.getByRole("menu").waitFor();
    await shot(`36-more${end}`);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Restore version 1" }).waitFor();
    await shot(`37-versions${end}`);
    await page.getByRole("button", { name: "Restore version 1" }).press("Enter");
    await page.getByText("Runs from now on get this version").waitFor();
    await shot(`38-restore${end}`);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
  }
  for (const provider of ["codex", "claude-code"]) mock.credentials.delete(provider);
  mock.healthOf("wrangler", "connected");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.reload();
}

/** The person's tokens, wide and narrow. */
async function tokens({ page, mock }: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  await page.getByRole("link", { name: "Tokens", exact: true }).click();
  await page.getByRole("heading", { name: "You have no tokens" }).waitFor();
  await shot("39-no-tokens");
  mock.tokens.made("over", ["manage"], { daysAgo: 8, days: 7, usedDaysAgo: 2 });
  mock.tokens.made("laptop", ["run", "connect"], { daysAgo: 80, days: 90, usedDaysAgo: 3 });
  mock.tokens.made("the status page in the hall", ["read"], { days: 365 });
  await page.reload();
  await page.getByRole("heading", { name: "3 tokens" }).waitFor();
  for (const [width, end] of WIDTHS) {
    await page.setViewportSize({ width, height: width === 390 ? 1200 : 800 });
    await shot(`40-tokens${end}`);
    await page.getByRole("button", { name: "Revoke laptop" }).press("Enter");
    await page.getByText("refused from now on").waitFor();
    await shot(`41-revoke${end}`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "New token" }).press("Enter");
    await page.getByRole("button", { name: "Make the token" }).click();
    await page.getByText("Give it a name").waitFor();
    await page.getByLabel("Run", { exact: true }).check();
    await shot(`42-new-token${end}`);
    await page.getByLabel("Name").fill("nightly build");
    await page.getByRole("button", { name: "Make the token" }).click();
    await page.locator("[data-token-value]").waitFor();
    await shot(`43-token-value${end}`);
    await page.getByRole("button", { name: "Done" }).click();
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByRole("link", { name: "Anteroom: connections" }).click();
  await page.getByRole("heading", { name: "Connections" }).waitFor();
}

/** Another page takes the desktop; this one sees it, and takes it back. */
async function elsewhere({ page, context }: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  const other = await context.newPage();
  await other.goto(page.url());
  await live(other);
  await page.getByRole("button", { name: "Take back" }).waitFor();
  await page.bringToFront();
  await shot("14-elsewhere");
  await page.getByRole("button", { name: "View only" }).click();
  await watching(page);
  await page.bringToFront();
  await shot("19-view-only");
  await page.setViewportSize({ width: 480, height: 900 });
  await shot("20-view-only-narrow");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByRole("button", { name: "Take over" }).click();
  await live(page);
  await other.close();
}

/** Sign-ins in the person's own browser, wide and narrow. */
async function light({ page, mock }: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  const both = async (name: string) => {
    await shot(name);
    await page.setViewportSize({ width: 390, height: 844 });
    await shot(`${name}-narrow`);
    await page.setViewportSize({ width: 1280, height: 800 });
  };
  // Opened by the keyboard, anew at each width: that shows the focus, and where the menu goes.
  const menu = async (button: string, name: string) => {
    for (const [width, end] of WIDTHS) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 800 });
      await page.getByRole("button", { name: button }).press("ArrowDown");
      await page.getByRole("menu").waitFor();
      await shot(`${name}${end}`);
      await page.keyboard.press("Escape");
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  };
  await menu("Other ways to sign in to Codex", "27-ways");
  await page.getByRole("button", { name: "Connect GitHub CLI" }).click();
  await page.locator('.progress [data-phase="cli"]').waitFor();
  await both("28-light-progress");
  toPersonsTurn(mock.session, "https://github.com/login/device");
  await page.getByRole("timer").waitFor();
  await both("29-code");
  await menu("Sign in another way", "30-another-way");
  mock.session.state("failed", { code: "cli-failed", detail: "gh auth login ended with exit code 1." });
  await page.getByRole("button", { name: "Back to connections" }).click();
  await page.getByRole("button", { name: "Other ways to sign in to Claude Code" }).click();
  await page.locator('.method-menu [data-method="paste"]').click();
  await page.locator('.progress [data-phase="cli"]').waitFor();
  toPersonsTurn(
    mock.session,
    `https://auth.example.test/oauth/authorize?response_type=code&client_id=app_EMoamEEZ73f0CkXaXp7hrann&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fcallback&scope=openid%20profile%20offline_access&state=${"h2Yb".repeat(60)}`,
  );
  await page.getByRole("timer").waitFor();
  await both("31-link");
  mock.session.refusesPaste = new Refused(422, "invalid", "The text has control characters. Paste it again.");
  await page.getByLabel("Paste the code").fill("4/0AX4XfWh-code#state");
  await page.keyboard.press("Enter");
  await page.getByText("It was not taken.").waitFor();
  await both("32-refused");
  mock.session.refusesPaste = undefined;
  await page.keyboard.press("Enter");
  await page.getByText("The CLI is checking it").waitFor();
  await both("33-checking");
  mock.session.state("timed-out", { code: "sign-in-timeout", detail: "The 15 minutes are over." });
  await page.getByText("The link is good for nothing").waitFor();
  await both("34-light-failure");
  await page.getByRole("button", { name: "Back to connections" }).click();
}

async function views(desk: Desk, shot: (name: string) => Promise<unknown>): Promise<void> {
  const { page, mock } = desk;
  mock.connected("wrangler", "ada@example.test", 3);
  await page.reload();
  await page.getByText("3 days ago").waitFor();
  await shot("1-dashboard");
  await connection(desk, shot);
  await machines(desk, shot);
  await light(desk, shot);
  await connections(desk, shot);
  await tokens(desk, shot);
  await chooseMore(desk, "Wrangler", "Remove…");
  await shot("2-remove");
  await page.keyboard.press("Escape");
  mock.ahead = 2;
  await page.getByRole("button", { name: "Connect Codex" }).click();
  await page.getByText("2 sign-ins are before yours.").waitFor();
  await shot("26-queued");
  mock.ahead = undefined;
  mock.session.state("starting");
  await page.locator('.progress [data-phase="machine"]').waitFor();
  const guest = await bringMachine(desk, "silent");
  mock.session.step("desktop-ready");
  await page.locator(".progress").getByText("Starting the browser").waitFor();
  await shot("3-progress");
  await setMode(guest, "good");
  await page.reload();
  await live(page);
  for (const step of ["browser-ready", "cli-started", "url-found", "url-opened"]) mock.session.step(step);
  mock.session.url(
    "https://auth.example.test/oauth/authorize?response_type=code&client_id=app_EMoamEEZ73f0CkXaXp7hrann&redirect_uri=http%3A%2F%2F127.0.0.1%3A1455%2Fauth%2Fcallback&state=h2Yb",
  );
  await page.bringToFront();
  await page.keyboard.type("ada@example.test");
  await page.waitForFunction(() => /\d ms/.test(document.querySelector(".latency")?.textContent ?? ""));
  await shot("4-desktop");
  await page.getByRole("button", { name: "Steps" }).click();
  await shot("5-steps");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Sign-in link" }).click();
  await shot("6-link");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Cancel" }).click();
  await shot("7-cancel");
  await page.keyboard.press("Escape");
  await elsewhere(desk, shot);
  await setMode(guest, "silent");
  await hangUp(guest);
  await page.locator(".pill").waitFor();
  await shot("8-reconnecting");
  mock.session.trouble("ice-timeout");
  await page.getByRole("button", { name: "Steps" }).click();
  await page.getByText("a firewall or a VPN is in the way").first().waitFor();
  await shot("21-trouble");
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 480, height: 900 });
  await shot("9-narrow");
  await page.setViewportSize({ width: 1280, height: 800 });
  mock.session.state("failed", {
    code: "cli-failed",
    detail: "codex login ended with exit code 1: error logging in: the sign-in was declined.",
  });
  await page.getByRole("heading", { name: "The CLI ended with an error" }).waitFor();
  await page.getByText("How far it came").click();
  await shot("10-failure");
  await page.getByRole("button", { name: "Try again with Codex" }).click();
  await page.locator('.progress [data-phase="machine"]').waitFor();
  await bringMachine(desk);
  await live(page);
  mock.connected("codex", "ada@example.test");
  mock.session.state("succeeded", { code: "saved", detail: "Saved." });
  mock.session.step("machine-destroyed");
  await page.locator('[data-machine="gone"]').waitFor();
  await page.getByText("ada@example.test").waitFor();
  await shot("11-success");
  await page.getByRole("button", { name: "Done" }).click();
  mock.down = true;
  await page.getByRole("button", { name: "Reconnect Codex" }).click();
  await page.getByRole("heading", { name: "The server can't be reached" }).waitFor();
  await shot("13-unreachable");
  mock.down = false;
  await bringMachine(desk);
  await live(page);
  await desk.context.clearCookies();
  await page.reload();
  await page.getByRole("heading", { name: "Open Anteroom with a link" }).waitFor();
  await shot("12-no-access");
}
