// Sign-ins without a desktop, by the real CLIs: with a device code, and with what a person brings back from their own browser.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import * as app from '../harness/app.mjs';
import { Attempt } from '../harness/attempt.mjs';
import * as light from '../harness/light-page.mjs';
import { OwnBrowser } from '../harness/own-browser.mjs';
import { scenario } from '../harness/scenario.mjs';
import { opened } from '../harness/vault.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { assertLife, assertTokens } from './clis.mjs';

const USER = { user: 'ada', password: ACCOUNTS.ada.password };
/** What a sign-in with a desktop has, and one without it must not. */
const OF_DESKTOPS = ['offer-stored', 'desktop-ready', 'browser-ready', 'answer-stored', 'ice-connected', 'frame-decoded', 'url-opened'];

/** How each CLI signs in without a desktop, and what its person brings back. */
export const WAYS = [
  { provider: 'github-cli', method: 'device' },
  { provider: 'codex', method: 'device' },
  { provider: 'copilot-cli', method: 'device' },
  { provider: 'claude-code', method: 'paste', brings: 'code' },
  { provider: 'claude-code-token', method: 'paste', brings: 'code' },
  { provider: 'codex', method: 'paste', brings: 'address' },
  { provider: 'wrangler', method: 'paste', brings: 'address' },
  { provider: 'gemini-cli', method: 'paste', brings: 'code' },
  { provider: 'firebase', method: 'paste', brings: 'code' },
];

/** What a person does in their own browser. */
export async function signInAtHome(own, attempt, { method, brings }) {
  if (method === 'device') return own.approveDevice({ ...await light.codeOn(attempt.page), ...USER });
  const how = { url: await light.linkOn(attempt.page), ...USER };
  const text = brings === 'code' ? await own.signInAndReadCode(how) : await own.signInAndReadRedirect(how);
  attempt.world.secrets.add('pasted text', text);
  return light.paste(attempt.page, text);
}

export function methods(world) {
  const own = OwnBrowser.start(world().issuer);
  after(async () => (await own).stop());

  for (const way of WAYS) {
    const { provider, method } = way;
    scenario(`${provider} by ${method}: from the click to the sealed credential, without a desktop`, world, async (w, track) => {
      const since = w.issuer.now;
      const attempt = await Attempt.begin(w, provider, track, method);
      await attempt.reached(method === 'device' ? 'code-found' : 'url-found');
      const programs = w.remains.processesOf(attempt.machine).map(({ name }) => name);
      assert.ok(programs.some((name) => /guest/.test(name)), `${programs}`);
      assert.deepEqual(programs.filter((name) => /Xvfb|openbox|chrom/i.test(name)), [], 'nothing of a desktop runs');
      await signInAtHome(await own, attempt, way);
      const view = await attempt.ended();
      assert.equal(view.state, 'succeeded', JSON.stringify(view.reason));
      assert.deepEqual([view.method, view.epoch], [method, 0]);
      await attempt.machineGone();
      const steps = (await attempt.view()).steps.map(({ step }) => step);
      assert.deepEqual(steps.filter((step) => OF_DESKTOPS.includes(step)), []);
      await app.result(attempt.page, 'succeeded');
      const { credential } = await w.person.provider(provider);
      assertTokens(w, provider, opened(w.directory, credential.id), since);
      assertLife(provider, credential);
    });
  }

  scenario('the way that a person took last is the one that Connect takes', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track, 'device');
    await attempt.reached('code-found');
    await app.cancel(attempt.page);
    await attempt.ended();
    const again = await Attempt.begin(w, 'codex', track);
    assert.equal((await again.view()).method, 'device');
  });

  scenario('a code that is denied ends the sign-in with what the CLI says', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'github-cli', track);
    const { url, code } = await light.codeOn(attempt.page);
    await (await own).denyDevice({ url, code, ...USER });
    const { state, reason } = await attempt.ended();
    assert.deepEqual([state, reason.code], ['failed', 'cli-failed']);
    assert.match(reason.detail, /access_denied/);
    await app.result(attempt.page, 'failed', 'cli-failed');
    await attempt.machineGone();
  });

  scenario('a reload shows the code as it was', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'github-cli', track);
    const before = await light.codeOn(attempt.page);
    await attempt.page.reload();
    assert.deepEqual(await light.codeOn(attempt.page), before);
  });

  scenario('a pasted text that is no code is asked for again, and the right one signs in', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'claude-code', track, 'paste');
    const url = await light.linkOn(attempt.page);
    await light.paste(attempt.page, 'half-a-code');
    const text = await (await own).signInAndReadCode({ url, ...USER });
    w.secrets.add('pasted text', text);
    await light.paste(attempt.page, text);
    const view = await attempt.ended();
    assert.deepEqual([view.state, view.pasted], ['succeeded', 2], JSON.stringify(view.reason));
  });

  scenario('an address of another sign-in is refused with words and never reaches the CLI, and the right one signs in', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'wrangler', track, 'paste');
    const address = await (await own).signInAndReadRedirect({ url: await light.linkOn(attempt.page), ...USER });
    w.secrets.add('pasted text', address);
    const other = new URL(address);
    other.searchParams.set('state', 'of-another-sign-in');
    await light.paste(attempt.page, other.href);
    await app.says(attempt.page, /is of another sign-in/);
    await light.paste(attempt.page, address);
    const view = await attempt.ended();
    assert.equal(view.state, 'succeeded', JSON.stringify(view.reason));
  });

  scenario('whoever has begun without a desktop goes on with one, by one click', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track, 'device');
    await attempt.reached('code-found');
    const first = attempt.id;
    await attempt.becomes(() => light.another(attempt.page, 'desktop'));
    assert.equal((await w.person.session(first)).reason.code, 'cancelled-by-person');
    await attempt.atLoginPage();
    await attempt.signIn('ada', USER.password);
    await attempt.allow();
    assert.equal((await attempt.ended()).state, 'succeeded');
  });
}
