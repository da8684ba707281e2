// Machines that wait before anybody clicks.
import assert from 'node:assert/strict';
import { Attempt } from '../harness/attempt.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';

const WAITS_MS = 20_000;

/** The machine that waits for a session, by what its agent says; none of `others`. */
export function waiting(world, others = []) {
  return until('a machine waits', WAITS_MS, () => {
    world.machineLogs.look();
    const machines = [...world.machineLogs.texts].filter(([, text]) => text.includes('waits for a session'));
    return machines.map(([file]) => /mac_[0-9a-z]+/.exec(file)?.[0]).find((id) => id && !others.includes(id) && world.remains.of(id).length > 0);
  });
}

export function pool(world) {
  scenario('a machine that waits is the session\'s at once, its sign-in completes, and another one waits', world, async (w, track) => {
    await w.controller.restart({ ANTEROOM_MACHINES__POOL: '1' });
    w.secrets.addLink(w.controller.link);
    try {
      const machine = await waiting(w);
      const attempt = await Attempt.begin(w, 'codex', track);
      assert.equal((await attempt.view()).machine, machine, 'the one that waited');
      await attempt.atLoginPage();
      await attempt.signIn('ada', ACCOUNTS.ada.password);
      await attempt.allow();
      const view = await attempt.ended();
      assert.equal(view.state, 'succeeded', JSON.stringify(view.reason));
      await attempt.machineGone();
      await waiting(w, [machine]);
    } finally {
      await w.controller.restart();
      w.secrets.addLink(w.controller.link);
    }
    await until('no machine waits for a controller without a pool', WAITS_MS, () => w.remains.everything().length === 0);
  });
}
