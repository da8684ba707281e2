// What an administrator sees of machines, by the page and by the command line, and does to them.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as app from '../harness/app.mjs';
import { Attempt } from '../harness/attempt.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';

const SHOWN_MS = 15_000;
/** Longer than a destruction takes. */
const LOOKS_MS = 4_000;
const SHOTS = fileURLToPath(new URL('../../out/machines', import.meta.url));

/** A second page of the same person, at a place of the administrator's. */
async function administer(world, attempt, fragment) {
  mkdirSync(SHOTS, { recursive: true });
  const page = await attempt.context.newPage();
  await page.goto(`${world.controller.origin}/#${fragment}`);
  return page;
}

export function machines(world) {
  scenario('an administrator sees what a machine uses, and stops it: its person is told, and what it wrote is kept', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.atLoginPage();
    await attempt.notice(await attempt.view());
    const id = attempt.machine;
    const listed = JSON.parse(await w.controller.command('machines', 'list', '--json'));
    const told = listed.machines.find((machine) => machine.id === id);
    assert.deepEqual([told.state, told.provider, told.session, told.driver], ['serving', 'codex', attempt.id, 'sandbox']);
    assert.ok(told.memoryBytes > 100e6 && told.memoryBytes <= listed.memoryLimitBytes, `a desktop with a browser: ${told.memoryBytes}`);
    assert.equal(typeof told.cpuPercent, 'number');
    assert.match(await w.controller.command('machines', 'list'), new RegExp(`${id} +serving +codex +sandbox +\\d+ s +\\d+ MiB +\\d+ %`));
    assert.match(await w.controller.command('machines', 'logs', id), /assigned/, 'what it has written until now');

    const page = await administer(w, attempt, '/machines');
    const row = page.locator(`[data-machine="${id}"]`);
    await row.getByText(/\d+ of \d+ MiB/).waitFor({ timeout: SHOWN_MS });
    await page.screenshot({ path: `${SHOTS}/list.png` });
    await row.getByRole('button', { name: /^Stop/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop it' }).click();

    await attempt.page.bringToFront();
    assert.match(await app.result(attempt.page, 'cancelled', 'stopped-by-administrator'), /The machine was stopped[^]*Whoever runs this server/);
    await attempt.page.screenshot({ path: `${SHOTS}/stopped.png` });
    await attempt.machineGone();
    await page.bringToFront();
    await page.locator(`a[href="#/machines/${id}"]`).click();
    await page.getByRole('region', { name: 'Log' }).getByText('assigned').first().waitFor({ timeout: SHOWN_MS });
    await page.screenshot({ path: `${SHOTS}/log.png` });
    const kept = await w.controller.command('machines', 'logs', id);
    assert.match(kept, /failed: Whoever runs this server stopped the machine[^]*assigned/);
    await w.controller.command('machines', 'destroy', id);
    await assert.rejects(w.controller.command('machines', 'logs', id), /There is no such machine, and no log of it/);
  });

  scenario('a failed machine is kept for a look with its desktop, and destroyed on purpose', world, async (w, track) => {
    await w.controller.restart({ ANTEROOM_MACHINES__KEEP_FAILED: '1' });
    w.secrets.addLink(w.controller.link);
    try {
      const attempt = await Attempt.begin(w, 'absent', track);
      const view = await attempt.ended();
      assert.deepEqual([view.state, view.reason.code], ['failed', 'cli-not-started']);
      const list = async () => JSON.parse(await w.controller.command('machines', 'list', '--json')).machines.find(({ id }) => id === attempt.machine);
      assert.equal((await list()).state, 'kept');
      await pause(LOOKS_MS);
      const names = w.remains.processesOf(attempt.machine).map(({ name }) => name);
      assert.ok(['Xvfb', 'chromium'].every((name) => names.some((other) => other.startsWith(name))), `desktop and browser are there: ${names}`);
      assert.match(await w.controller.command('machines', 'logs', attempt.machine), /failed: /);
      await attempt.notice(view);
      await w.controller.command('machines', 'destroy', attempt.machine);
      await attempt.machineGone();
    } finally {
      await w.controller.restart();
      w.secrets.addLink(w.controller.link);
    }
  });

  scenario('a machine that is killed is explained on the page and by the command line, after a restart too', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.atLoginPage();
    await attempt.notice(await attempt.view());
    const browser = attempt.processes.find(({ name }) => name.startsWith('Xvfb'));
    for (let kills = 0; kills < 5; kills += 1) {
      const running = w.remains.processesOf(attempt.machine).find(({ name }) => name.startsWith('Xvfb'));
      if (!running) break;
      process.kill(Number(running.pid), 'SIGKILL');
      const again = () => w.remains.processesOf(attempt.machine).some(({ name, pid }) => name.startsWith('Xvfb') && pid !== running.pid);
      await until('another X server, or the end', SHOWN_MS, async () => again() || (await attempt.view()).state === 'failed');
    }
    assert.ok(browser, 'there was an X server');
    const view = await attempt.ended();
    assert.deepEqual([view.state, view.reason.code], ['failed', 'desktop-failed'], JSON.stringify(view.reason));
    await attempt.machineGone();
    await w.controller.restart();
    w.secrets.addLink(w.controller.link);
    const kept = await w.controller.command('machines', 'logs', attempt.machine);
    assert.match(kept, /failed: [^]*X server[^]*the desktop failed/);
    assert.doesNotMatch(kept, /[?&](code|state)=(?!\[masked\])/, 'no authorization code');
    const page = await administer(w, attempt, '/machines');
    await page.locator(`[data-machine="${attempt.machine}"]`).getByText(view.reason.detail).waitFor({ timeout: SHOWN_MS });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.screenshot({ path: `${SHOTS}/failed-narrow.png`, fullPage: true });
  });
}
