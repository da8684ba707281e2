// A sign-in that goes as most do, at the pace of a real one: for trying the page by hand. The pauses are the play.

import { setTimeout as pause } from "node:timers/promises";

const ACTS = [
  [250, "machine-created"],
  [400, "agent-ready"],
  [500, "desktop-ready"],
  [300, "browser-ready"],
  [400, "cli-started"],
  [300, "url-found"],
  [200, "url-opened"],
];

const LIGHT_ACTS = [
  [250, "machine-created"],
  [400, "agent-ready"],
  [600, "cli-started"],
];

/** Without a desktop: until the person's turn, and what they bring back ends it. */
async function playLight(session) {
  for (const [ms, step] of LIGHT_ACTS) {
    await pause(ms);
    if (session.ended) return;
    session.step(step);
    if (step === "agent-ready") session.state("signing-in");
  }
  await pause(400);
  if (session.view.method === "device") return session.code("WDJB-MJHT", "https://auth.example.test/device");
  session.step("url-found");
  session.url("https://auth.example.test/oauth/authorize?response_type=code&state=mock");
}

export async function play(session, mock, browser) {
  if (session.view.method !== "desktop") return playLight(session);
  for (const [ms, step] of ACTS) {
    await pause(ms);
    if (session.ended) return;
    session.step(step);
    if (step === "agent-ready") {
      session.state("signing-in");
      const page = await browser.newPage();
      await page.goto(`${mock.origin}/mock/guest.html?session=${session.id}`);
    }
    if (step === "url-found")
      session.url("https://auth.example.test/oauth/authorize?response_type=code&state=mock");
  }
}
