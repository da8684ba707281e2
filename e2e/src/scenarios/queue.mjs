// More sign-ins than places: they wait in a queue with their connections, and say where they stand.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as app from '../harness/app.mjs';
import { Attempt } from '../harness/attempt.mjs';
import { scenario } from '../harness/scenario.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';

/** A live connection may wait: longer than any of its own deadlines for a path or a handshake. */
const WAITS_MS = 12_000;
const SHOWN_MS = 30_000;
const SHOTS = fileURLToPath(new URL('../../out/queue', import.meta.url));

export function queue(world) {
  scenario('sign-ins for which there is no place wait with their connections, say how many are before them, and are served in order', world, async (w, track) => {
    mkdirSync(SHOTS, { recursive: true });
    await w.controller.restart({ ANTEROOM_MACHINES__MAX: '1' });
    w.secrets.addLink(w.controller.link);
    try {
      const first = await Attempt.begin(w, 'wrangler', track);
      await first.atLoginPage();
      await first.notice(await first.view());
      const second = await Attempt.begin(w, 'codex', track);
      await app.says(second.page, /Waiting for a machine[^]*Yours is the next/);
      const third = await Attempt.begin(w, 'codex-hurried', track);
      await app.says(third.page, /One sign-in is before yours/);
      await third.page.screenshot({ path: `${SHOTS}/waiting.png` });
      assert.deepEqual([(await second.view()).state, (await second.view()).machine], ['queued', undefined]);
      await pause(WAITS_MS);

      await w.person.call('DELETE', `/api/session/${first.id}`);
      await second.page.locator('.sign-in[data-connection="live"][data-epoch="1"]').waitFor({ timeout: SHOWN_MS });
      await app.says(third.page, /Yours is the next/);
      await first.machineGone();
      await second.notice(await second.view());
      await second.atLoginPage();
      await second.signIn('ada', ACCOUNTS.ada.password);
      await second.allow();
      assert.equal((await second.ended()).state, 'succeeded');
      await second.machineGone();

      await third.page.locator('.sign-in[data-connection="live"][data-epoch="1"]').waitFor({ timeout: SHOWN_MS });
      await third.notice(await third.view());
      await app.cancel(third.page);
      await third.machineGone();
    } finally {
      await w.endSessions();
      await w.controller.restart();
      w.secrets.addLink(w.controller.link);
    }
  });
}
