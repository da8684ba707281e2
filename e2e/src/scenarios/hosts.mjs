// Restricted machines: they reach their provider's hosts and what the person allows, and nothing else.
import assert from 'node:assert/strict';
import { Attempt } from '../harness/attempt.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { STAGE } from '../issuer/hosts.mjs';

const SHOWN_MS = 30_000;
const RESTRICTED = { ANTEROOM_NETWORK__RESTRICT: 'true' };

/** Both parts, in the order in which they find each other. */
async function restart(w, settings) {
  await w.controller.stop();
  await w.machined.restart(settings);
  await w.controller.restart(settings);
  w.secrets.addLink(w.controller.link);
}

async function restricted(w, body) {
  await restart(w, RESTRICTED);
  try {
    await body();
  } finally {
    await restart(w, {});
  }
}

export function hosts(world) {
  scenario("a restricted machine reaches its provider's hosts, and the real sign-in passes", world, (w, track) => restricted(w, async () => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.atLoginPage();
    await attempt.signIn('ada', ACCOUNTS.ada.password);
    await attempt.allow();
    const view = await attempt.ended();
    assert.equal(view.state, 'succeeded', JSON.stringify(view.reason));
    await attempt.machineGone();
  }));

  scenario('a host that a restricted machine was refused is shown, and allowing it lets the sign-in go on, also the next one', world, (w, track) => restricted(w, async () => {
    const attempt = await Attempt.begin(w, 'needs-stage', track);
    const path = `/api/session/${attempt.id}/hosts`;
    await until('the refused host is told', SHOWN_MS, async () => (await w.person.get(path)).refused.some(({ host }) => host === STAGE));
    assert.equal((await attempt.view()).state, 'signing-in', 'it waits for the host');
    await attempt.page.getByRole('button', { name: 'Hosts' }).click();
    await attempt.page.getByRole('button', { name: `Allow ${STAGE}` }).click();
    const view = await attempt.ended();
    assert.equal(view.state, 'succeeded', JSON.stringify(view.reason));
    const next = await Attempt.begin(w, 'needs-stage', track);
    assert.equal((await next.ended()).state, 'succeeded', 'it is remembered');
    await next.machineGone();
  }));
}
