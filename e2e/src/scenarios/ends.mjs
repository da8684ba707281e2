// Sign-ins that don't succeed. Each ends once, says why on the page, and leaves nothing behind.
import assert from 'node:assert/strict';
import * as app from '../harness/app.mjs';
import { Attempt, endings } from '../harness/attempt.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { DESKTOP_CLIS } from './clis.mjs';

/** The end as it must be: this state, this reason, on the page, once, for ever, and nothing left. */
async function endsAs(attempt, state, code) {
  const view = await attempt.ended();
  assert.deepEqual([view.state, view.reason.code], [state, code], JSON.stringify(view.reason));
  assert.ok(view.reason.detail.length > 10, 'the reason is a sentence');
  const told = await app.result(attempt.page, state, code);
  assert.match(told, /Try again/, 'the page offers to try again');
  await attempt.machineGone();
  const after = await attempt.view();
  assert.deepEqual([after.state, after.reason], [view.state, view.reason], 'the end changed when the machine went');
  assert.equal(endings(await attempt.events()), 1);
  return view;
}

/** Whether a CLI goes on when a person says no. */
const asksAgain = ([, { denied }]) => denied === 'asks-again';

export function ends(world) {
  scenario('cancel in the middle of a sign-in ends it as cancelled and leaves nothing', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'wrangler', track);
    await attempt.atLoginPage();
    await attempt.desktop.type('half a na');
    await attempt.notice(await attempt.view());
    await app.cancel(attempt.page);
    await endsAs(attempt, 'cancelled', 'cancelled-by-person');
  });

  scenario('cancel before the machine is ready ends it as cancelled and leaves nothing', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    const reply = await w.person.call('DELETE', `/api/session/${attempt.id}`);
    assert.ok(reply.status < 300, `status ${reply.status}`);
    await endsAs(attempt, 'cancelled', 'cancelled-by-person');
  });

  for (const [provider, { denied = 'cli-failed' }] of DESKTOP_CLIS.filter((cli) => !asksAgain(cli))) {
    scenario(`${provider}: a person who denies consent sees the CLI's failure, and the stored credential stays`, world, async (w, track) => {
      const before = (await w.person.provider(provider)).credential;
      const attempt = await Attempt.begin(w, provider, track, 'desktop');
      await attempt.atLoginPage();
      await attempt.signIn('ada', ACCOUNTS.ada.password);
      await attempt.desktop.sees('deny');
      await attempt.notice(await attempt.view());
      await attempt.desktop.clickMark('deny');
      await endsAs(attempt, 'failed', denied);
      assert.deepEqual((await w.person.provider(provider)).credential, before, 'a failed sign-in changes nothing else of the person');
    });
  }

  for (const [provider] of DESKTOP_CLIS.filter(asksAgain)) {
    scenario(`${provider}: a person who denies consent is asked again, and may allow it then`, world, async (w, track) => {
      const attempt = await Attempt.begin(w, provider, track, 'desktop');
      await attempt.atLoginPage();
      await attempt.signIn('ada', ACCOUNTS.ada.password);
      await attempt.desktop.sees('deny');
      const denied = w.issuer.now;
      await attempt.desktop.clickMark('deny');
      await w.issuer.saw(({ kind, page }) => kind === 'page' && page === 'consent', 'the person is asked again', 10_000, denied);
      await attempt.allow();
      assert.equal((await attempt.ended()).state, 'succeeded');
    });
  }

  scenario('a sign-in that takes longer than its provider allows ends as timed out', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex-hurried', track);
    await attempt.atLoginPage();
    await attempt.notice(await attempt.view());
    await endsAs(attempt, 'timed-out', 'sign-in-timeout');
  });

  scenario('a CLI that is not there ends the sign-in by that name', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'absent', track);
    await endsAs(attempt, 'failed', 'cli-not-started');
  });

  scenario('a CLI that ends well without a credential ends the sign-in by that name', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'empty-handed', track);
    await endsAs(attempt, 'failed', 'credential-missing');
  });

  scenario('a machine that is killed ends its sign-in as lost and leaves nothing', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.atLoginPage();
    await attempt.notice(await attempt.view());
    process.kill(Number(attempt.processes.find(({ isInit }) => isInit).pid), 'SIGKILL');
    await endsAs(attempt, 'failed', 'machine-lost');
  });

  scenario('an agent that is killed ends its sign-in and leaves nothing', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.atLoginPage();
    await attempt.notice(await attempt.view());
    const agent = attempt.processes.find(({ name }) => name.startsWith('anteroom-guest'));
    process.kill(Number(agent.pid), 'SIGKILL');
    await endsAs(attempt, 'failed', 'machine-lost');
  });

  scenario('a session without an offer has no machine', world, async (w) => {
    const reply = await w.person.call('POST', '/api/vm/auth', { body: { provider: 'codex' } });
    assert.equal(reply.status, 201, reply.text);
    assert.equal(reply.json.state, 'waiting-for-offer');
    const view = await w.person.session(reply.json.sessionId);
    assert.equal(view.machine, undefined);
    assert.equal(view.epoch, 0);
    await w.person.call('DELETE', `/api/session/${view.sessionId}`);
    await until('cancelled', 5000, async () => (await w.person.session(view.sessionId)).state === 'cancelled');
  });
}
