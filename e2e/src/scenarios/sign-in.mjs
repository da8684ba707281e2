// Sign-ins that succeed: the real CLIs, unchanged, each from the click to the sealed credential.
import assert from 'node:assert/strict';
import * as app from '../harness/app.mjs';
import { Attempt, endings } from '../harness/attempt.mjs';
import { scenario } from '../harness/scenario.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { opened } from '../harness/vault.mjs';
import { DESKTOP_CLIS, assertLife, assertTokens, homeWith, statusOf } from './clis.mjs';

const ADA = ACCOUNTS.ada;

/** Each step, in the order in which it must have come. */
const ORDER = ['offer-stored', 'machine-created', 'agent-ready', 'cli-started', 'url-found', 'url-opened', 'cli-succeeded', 'credential-captured', 'credential-saved', 'machine-destroyed'];

async function succeed(world, track, provider) {
  const attempt = await Attempt.begin(world, provider, track, 'desktop');
  await attempt.atLoginPage();
  assertFound(attempt);
  await attempt.signIn('ada', ADA.password);
  await attempt.allow();
  const view = await attempt.ended();
  assert.equal(view.state, 'succeeded', JSON.stringify(view.reason));
  assert.equal(view.reason.code, 'saved');
  return attempt;
}

/** What is searched for after the end is found while the machine lives. */
function assertFound({ world, machine }) {
  const found = world.remains.of(machine, world.remains.processesOf(machine)).map((thing) => thing.split(' ')[0]);
  assert.deepEqual([...new Set(found)].sort(), ['cgroup', 'directory', 'firewall', 'link', 'process']);
}

/** The stream begins with the first event, has no gaps, and goes on behind any place. */
async function assertEvents(attempt) {
  const events = await attempt.events();
  assert.deepEqual(events.map(({ id }) => id), events.map((_, index) => index + 1));
  assert.equal(endings(events), 1);
  assert.deepEqual(await attempt.events(undefined, 5), events.slice(5), 'a reader goes on behind the last event that it has');
}

function assertOrder(view) {
  const steps = view.steps.map(({ step }) => step);
  for (const step of ['dtls-connected', 'frame-decoded', ...ORDER]) assert.ok(steps.includes(step), `${step} is missing in ${steps}`);
  const places = ORDER.map((step) => steps.indexOf(step));
  assert.deepEqual(places, [...places].sort((a, b) => a - b), `the steps came as ${steps}`);
}

export function signIns(world) {
  for (const [provider, cli] of DESKTOP_CLIS) {
    scenario(`${provider}: from the click to the sealed credential, and the machine is gone`, world, async (w, track) => {
      const attempt = await succeed(w, track, provider);
      assert.ok((await app.result(attempt.page, 'succeeded')).includes(`${cli.name} is connected`));
      await attempt.machineGone();
      assertOrder(await attempt.view());
      await assertEvents(attempt);
      const listed = await w.person.provider(provider);
      assert.equal(listed.credential.account ?? undefined, cli.account);
      assertLife(provider, listed.credential);
      assert.ok(!listed.session, 'an ended sign-in is not active');
      await app.result(attempt.page, 'succeeded');
      await app.says(attempt.page, /Destroyed/);
    });

    scenario(`${provider}: what the vault sealed opens to what the CLI wrote${cli.status ? ', and the CLI takes it for a sign-in' : ''}`, world, async (w) => {
      const { credential } = await w.person.provider(provider);
      const files = opened(w.directory, credential.id);
      assertTokens(w, provider, files);
      if (cli.status) assert.match(statusOf(provider, homeWith(w.directory, provider, files)), cli.status.says);
    });
  }

  for (const [words, user, how] of [
    ['on a German keyboard', 'konrad', 'typeGerman'],
    ['with caps lock instead of Shift', 'ada', 'typeWithoutShift'],
  ]) {
    scenario(`a password that is typed ${words} arrives as it was typed`, world, async (w, track) => {
      const attempt = await Attempt.begin(w, 'wrangler', track);
      const since = w.issuer.now;
      await attempt.atLoginPage();
      await attempt.signIn(user, ACCOUNTS[user].password, how);
      const login = await w.issuer.saw((event) => event.kind === 'login', 'somebody signed in', 10_000, since);
      assert.deepEqual([login.user, login.password], [user, ACCOUNTS[user].password]);
    });
  }

  scenario('a wrong password is asked for again, and the right one signs in', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    const since = w.issuer.now;
    await attempt.atLoginPage();
    await attempt.signIn('ada', 'not the password of Ada');
    await attempt.desktop.sees('wrongPassword');
    await attempt.signIn('ada', ADA.password);
    await attempt.allow();
    assert.equal((await attempt.ended()).state, 'succeeded');
    const logins = w.issuer.events.slice(since).filter((event) => event.kind === 'login').map((event) => event.right);
    assert.deepEqual(logins, [false, true]);
    await attempt.machineGone();
    assert.equal((await w.person.provider('codex')).credential.version, 2, 'a second sign-in is a new version of the same credential');
  });
}
