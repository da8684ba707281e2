// What a sign-in survives: a reload of the page, a killed controller. The picture comes back and the sign-in completes.
import assert from 'node:assert/strict';
import { Attempt } from '../harness/attempt.mjs';
import { Desktop } from '../harness/desktop.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';

/** A promise of SPECIFICATION.md. */
const PICTURE_BACK_MS = 2000;

async function completes(attempt) {
  await attempt.signIn('ada', ACCOUNTS.ada.password);
  await attempt.allow();
  const view = await attempt.ended();
  assert.equal(view.state, 'succeeded', JSON.stringify(view.reason));
  await attempt.machineGone();
}

/** The person's connection ends and another one begins. */
export function reconnects(world) {
  scenario('after a reload in the middle the picture is back within 2 s, and the sign-in completes', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.atLoginPage();
    const before = await attempt.view();
    const begun = performance.now();
    await attempt.page.reload({ waitUntil: 'commit' });
    await attempt.desktop.picture(PICTURE_BACK_MS * 5);
    const took = performance.now() - begun;
    assert.ok(took <= PICTURE_BACK_MS, `the picture was back after ${Math.round(took)} ms`);
    const after = await attempt.view();
    assert.equal(after.machine, before.machine, 'it is the same machine');
    assert.equal(after.epoch, before.epoch + 1, 'a new connection is a new epoch');
    await completes(attempt);
  });

  scenario('a second tab takes the desktop over, the first says so and can take it back', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.atLoginPage();
    const second = await attempt.context.newPage();
    await second.goto(`${w.controller.origin}/#/session/${attempt.id}`);
    await new Desktop(second).sees('userField');
    await attempt.page.locator('[data-connection="elsewhere"]').waitFor({ timeout: 10_000 });
    await second.close();
    const before = await attempt.view();
    await attempt.page.getByRole('button', { name: 'Take back' }).click({ timeout: 5000 });
    await attempt.page.locator('[data-connection="live"]').waitFor({ timeout: 10_000 });
    assert.equal((await attempt.view()).epoch, before.epoch + 1);
    await completes(attempt);
  });
}

export function survives(world) {
  reconnects(world);

  scenario('a controller that is killed in the middle of a sign-in goes on after its restart, and the sign-in completes', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'wrangler', track);
    await attempt.atLoginPage();
    const before = await attempt.view();
    await w.controller.kill();
    // Media need no controller: the person's work goes on while it is away.
    await attempt.signIn('ada', 'typed while nobody listens');
    await attempt.desktop.sees('wrongPassword');
    await w.controller.start();
    w.secrets.addLink(w.controller.link);
    const after = await attempt.view();
    assert.equal(after.machine, before.machine, 'the machine was taken up');
    await attempt.page.reload({ waitUntil: 'commit' });
    await attempt.desktop.picture(PICTURE_BACK_MS);
    await completes(attempt);
  });

  scenario('a helper that is killed in the middle of a sign-in takes no machine with it, and the next one destroys it at the end', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.atLoginPage();
    const before = await attempt.view();
    await w.machined.stop('SIGKILL');
    await attempt.signIn('ada', 'typed while nobody makes machines');
    await attempt.desktop.sees('wrongPassword');
    await w.machined.start();
    assert.equal((await attempt.view()).machine, before.machine, 'its end was not told because the helper was away');
    await completes(attempt);
  });

  scenario('a controller that is killed while it makes a machine leaves no machine behind and finishes or ends the session', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await w.controller.kill();
    await w.controller.start();
    w.secrets.addLink(w.controller.link);
    await attempt.reached('url-opened', 60_000);
    await attempt.desktop.sees('userField', 30_000);
    await completes(attempt);
  });

  scenario('a controller that is killed between the end and the clean-up cleans up after its restart', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.reached('desktop-ready');
    const reply = await w.person.call('DELETE', `/api/session/${attempt.id}`);
    assert.ok(reply.status < 300, `status ${reply.status}`);
    await w.controller.kill();
    await w.controller.start();
    w.secrets.addLink(w.controller.link);
    await until('still cancelled', 5000, async () => (await attempt.view()).state === 'cancelled');
    await attempt.machineGone();
  });
}
