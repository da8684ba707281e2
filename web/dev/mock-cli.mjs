// `npm run mock`: the built page with a mock controller, and a headless browser that plays each session's machine.

import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Mock } from "./mock.mjs";
import { play } from "./play.mjs";

const mock = await new Mock({ dist: fileURLToPath(new URL("../dist/", import.meta.url)) }).listen(4010);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
mock.connected("wrangler", "ada@example.test", 3);
mock.onSession = (session) => void play(session, mock, browser);
process.stdout.write(`Mock controller: ${mock.link}\n`);
for (const name of ["SIGINT", "SIGTERM"]) {
  process.once(name, async () => {
    await browser.close();
    await mock.close();
  });
}
