//! A sign-in in the person's own browser: with a code, with a link, and that neither makes a connection.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Refused } from "../dev/sessions.mjs";
import {
  bringMachine,
  choose,
  close,
  DEVICE_URL,
  type Desk,
  launch,
  live,
  open,
  personsTurn,
} from "./harness";

let browser: Browser;
let desk: Desk;
let page: Page;
/** What the page asked the server for. */
let calls: string[];

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await open(browser);
  page = desk.page;
  calls = [];
  page.on("request", (request) => calls.push(`${request.method()} ${new URL(request.url()).pathname}`));
});
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

describe("a sign-in with a code", () => {
  beforeEach(() => page.getByRole("button", { name: "Connect GitHub CLI" }).click());

  it("shows how far the machine is, then code, link, host and the time that is left", async () => {
    await page.getByRole("heading", { name: "Preparing your machine" }).waitFor();
    expect(await page.locator(".progress [data-phase]").count()).toBe(5);
    await personsTurn(desk, "device");
    expect(await page.locator("[data-device-code]").textContent()).toBe("WDJB-MJHT");
    expect(await page.locator(".link-host").textContent()).toBe("auth.example.test");
    const link = page.getByRole("link", { name: "Open the link" });
    expect(await link.getAttribute("href")).toBe(DEVICE_URL);
    expect(await link.getAttribute("target")).toBe("_blank");
    expect(await link.getAttribute("rel")).toBe("noopener noreferrer");
    await page.getByText("Never enter a code that somebody sent you").waitFor();
    await expect.poll(() => page.getByRole("timer").textContent()).toMatch(/^1[45] min \d\d s left\.$/);
    // Nothing is to be pasted: this way has no field.
    expect(await page.locator("form, input, textarea").count()).toBe(0);
  });

  it("copies code and link by one click each", async () => {
    await desk.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await personsTurn(desk, "device");
    await page.getByRole("button", { name: "Copy code" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("WDJB-MJHT");
    await page.getByRole("button", { name: "Copy link" }).click();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(DEVICE_URL);
  });

  it("shows the newer code when the CLI prints one", async () => {
    await personsTurn(desk, "device");
    desk.mock.session.code("NEWR-CODE", DEVICE_URL);
    await page.getByText("NEWR-CODE").waitFor();
  });

  it("makes no link of what no browser should open", async () => {
    await personsTurn(desk, "device");
    desk.mock.session.code("WDJB-MJHT", "javascript:alert(1)");
    await page.getByText("javascript:alert(1)").waitFor();
    expect(await page.locator("main a").count()).toBe(0);
  });

  it("ends with the credential, and says so", async () => {
    await personsTurn(desk, "device");
    desk.mock.session.step("cli-succeeded");
    await page.getByRole("heading", { name: "Saving your sign-in" }).waitFor();
    desk.mock.connected("github-cli", "ada@example.test");
    desk.mock.session.state("succeeded", { code: "saved", detail: "Saved." });
    await page.getByRole("heading", { name: "GitHub CLI is connected" }).waitFor();
  });

  it("that ran out says so of the code, and offers the other ways beside trying again", async () => {
    await personsTurn(desk, "device");
    desk.mock.session.state("timed-out", { code: "sign-in-timeout", detail: "15 minutes are over." });
    await page.getByText("The code is good for nothing any more").waitFor();
    await page.getByText("How far it came").click();
    expect(await page.locator(".how-far [data-phase]").count()).toBe(5);
    await page.getByRole("button", { name: "Sign in another way" }).click();
    expect(await page.getByRole("menuitem").count()).toBe(1);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Try again with GitHub CLI" }).click();
    await expect.poll(() => desk.mock.sessions.size).toBe(2);
    expect(desk.mock.session.view.method).toBe("device");
  });
});

describe("a sign-in with a link", () => {
  const field = () => page.getByLabel("Paste the code, or the address");
  beforeEach(async () => {
    await choose(desk, "Codex", "paste");
    await personsTurn(desk, "paste");
  });

  it("sends what is pasted, empties the field, and takes another one", async () => {
    await field().fill("  http://localhost:1455/cb?code=first&state=s \n");
    await page.keyboard.press("Enter");
    await page.getByText("The CLI is checking it").waitFor();
    expect(await field().inputValue()).toBe("");
    await field().fill("second#state");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("Sent 2 times.").waitFor();
    expect(desk.mock.session.pastes).toEqual(["http://localhost:1455/cb?code=first&state=s", "second#state"]);
  });

  it("keeps what was sent nowhere: not in the page, its address, its storage or its console", async () => {
    const heard: string[] = [];
    page.on("console", (message) => heard.push(message.text()));
    await field().fill("the-secret-code");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("The CLI is checking it").waitFor();
    const kept = await page.evaluate(() =>
      [
        document.documentElement.outerHTML,
        location.href,
        ...[...document.querySelectorAll("input")].map(({ value }) => value),
        JSON.stringify({ ...localStorage, ...sessionStorage, state: history.state }),
      ].join("\n"),
    );
    expect(kept).not.toContain("the-secret-code");
    expect([...heard, ...calls].join("\n")).not.toContain("the-secret-code");
    const asked = await field().evaluate((element: HTMLInputElement) => [
      element.autocomplete,
      element.spellcheck,
      element.name,
      element.type,
    ]);
    expect(asked).toEqual(["off", false, "", "text"]);
  });

  it("says why a text was refused, and leaves it to be mended", async () => {
    desk.mock.session.refusesPaste = new Refused(422, "invalid", "The text has control characters.");
    await field().fill("not good");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("It was not taken. The text has control characters.").waitFor();
    expect(await field().inputValue()).toBe("not good");
    desk.mock.session.refusesPaste = undefined;
    await field().fill("good");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("The CLI is checking it").waitFor();
    expect(await page.getByText("It was not sent").count()).toBe(0);
  });

  it("says what the machine says of a text that does not help, until the next is sent", async () => {
    await field().fill("http://localhost:1455/cb?state=other");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("The CLI is checking it").waitFor();
    desk.mock.session.strayPaste("This address is of another sign-in.");
    await page.getByText("This address is of another sign-in.").waitFor();
    await field().fill("http://localhost:1455/cb?state=s");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("Sent 2 times.").waitFor();
    expect(await page.getByText("of another sign-in").count()).toBe(0);
  });

  it("says when the server can't be reached, and sends it then", async () => {
    await field().fill("kept");
    desk.mock.down = true;
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("The server can't be reached. Send it again.").waitFor();
    desk.mock.down = false;
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("The CLI is checking it").waitFor();
    expect(desk.mock.session.pastes).toEqual(["kept"]);
  });

  it("sends nothing when nothing was pasted", async () => {
    await page.getByRole("button", { name: "Send" }).click();
    await field().fill("x");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("The CLI is checking it").waitFor();
    expect(desk.mock.session.pastes).toEqual(["x"]);
  });
});

describe("a sign-in without a desktop", () => {
  /** From the click, and after a reload and in a tab that was given its address. */
  it("makes no connection and asks for no relay, when it begins and when it is found", async () => {
    await desk.context.addInitScript(() => {
      const made: unknown[] = [];
      Object.assign(globalThis, { made });
      const Real = globalThis.RTCPeerConnection;
      globalThis.RTCPeerConnection = class extends Real {
        constructor(...args: ConstructorParameters<typeof Real>) {
          super(...args);
          made.push(args);
        }
      };
    });
    const made = (of: Page) => of.evaluate(() => (globalThis as unknown as { made: unknown[] }).made.length);
    await page.reload();
    await page.getByRole("button", { name: "Connect GitHub CLI" }).waitFor();
    calls = [];
    await page.getByRole("button", { name: "Connect GitHub CLI" }).click();
    await personsTurn(desk, "device");
    expect(await made(page)).toBe(0);
    await page.reload();
    await page.locator("[data-device-code]").waitFor();
    expect(await made(page)).toBe(0);
    for (const address of [page.url(), `${page.url()}/view`]) {
      const other = await desk.context.newPage();
      other.on("request", (request) => calls.push(`${request.method()} ${new URL(request.url()).pathname}`));
      await other.goto(address);
      await other.locator("[data-device-code]").waitFor();
      expect(other.url()).toBe(page.url());
      expect(await made(other)).toBe(0);
      await other.close();
    }
    expect(calls.filter((call) => /webrtc|whep/.test(call))).toEqual([]);
    expect(desk.mock.session.view.epoch).toBe(0);
    // The same watch sees a connection where there is one.
    await page.getByRole("button", { name: "Sign in another way" }).click();
    await page.locator('.method-menu [data-method="desktop"]').click();
    await bringMachine(desk);
    await live(page, 1);
    expect(await made(page)).toBe(1);
  });

  it("waits for a place as any other", async () => {
    desk.mock.ahead = 1;
    await page.getByRole("button", { name: "Connect GitHub CLI" }).click();
    await page.getByText("One sign-in is before yours.").waitFor();
    desk.mock.session.state("starting");
    await personsTurn(desk, "device");
  });

  it("says what is the matter while the server can't be reached, and begins when it is back", async () => {
    desk.mock.down = true;
    await page.getByRole("button", { name: "Connect GitHub CLI" }).click();
    await page.getByRole("heading", { name: "The server can't be reached" }).waitFor();
    desk.mock.down = false;
    await personsTurn(desk, "device");
    expect(await page.getByRole("heading", { name: "The server can't be reached" }).count()).toBe(0);
  });

  it("is begun once, also when the answer to the click was lost", async () => {
    let clicks = 0;
    await page.route("**/api/vm/auth", async (route) => {
      clicks += 1;
      if (clicks > 1) return route.continue();
      await route.fetch();
      return route.abort();
    });
    await page.getByRole("button", { name: "Connect GitHub CLI" }).click();
    await personsTurn(desk, "device");
    expect(clicks).toBe(2);
    expect(desk.mock.sessions.size).toBe(1);
  });

  it("is cancelled after a question", async () => {
    await page.getByRole("button", { name: "Connect GitHub CLI" }).click();
    await personsTurn(desk, "device");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Cancel the sign-in" }).click();
    await page.getByRole("heading", { name: "You cancelled the sign-in" }).waitFor();
  });
});
