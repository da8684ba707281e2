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

export async function play(session, mock, browser) {
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
