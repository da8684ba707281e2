// Sign-ins that succeed: the real CLIs, unchanged, each from the click to the sealed credential.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as app from '../harness/app.mjs';
import { Attempt, endings } from '../harness/attempt.mjs';
import { imageTree } from '../harness/image.mjs';
import { scenario } from '../harness/scenario.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { opened } from '../harness/vault.mjs';

const ADA = ACCOUNTS.ada;

/** Each step, in the order in which it must have come. */
const ORDER = ['offer-stored', 'machine-created', 'agent-ready', 'cli-started', 'url-found', 'url-opened', 'cli-succeeded', 'credential-captured', 'credential-saved', 'machine-destroyed'];

async function succeed(world, track, provider) {
  const attempt = await Attempt.begin(world, provider, track);
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
  scenario('codex: from the click to the sealed credential, and the machine is gone', world, async (w, track) => {
    const attempt = await succeed(w, track, 'codex');
    assert.match(await app.result(attempt.page, 'succeeded'), /Codex is connected/);
    await attempt.machineGone();
    assertOrder(await attempt.view());
    await assertEvents(attempt);
    const listed = await w.person.provider('codex');
    assert.equal(listed.credential.account, ADA.email);
    assert.ok(!listed.session, 'an ended sign-in is not active');
    await app.result(attempt.page, 'succeeded');
    await app.says(attempt.page, /Destroyed/);
  });

  scenario('codex: what the vault sealed opens to what the CLI wrote, and the CLI takes it for a sign-in', world, async (w) => {
    const { credential } = await w.person.provider('codex');
    const files = opened(w.directory, credential.id);
    const auth = JSON.parse(files.get('.codex/auth.json'));
    const issued = w.issuer.events.findLast((event) => event.kind === 'tokens' && event.host === 'auth.openai.com').body;
    for (const name of ['access_token', 'refresh_token', 'id_token']) assert.equal(auth.tokens[name], issued[name], name);
    const home = path.join(w.directory, 'opened');
    mkdirSync(path.join(home, '.codex'), { recursive: true, mode: 0o700 });
    for (const [file, bytes] of files) writeFileSync(path.join(home, file), bytes, { mode: 0o600 });
    assert.match(codexStatus(home), /Logged in using ChatGPT/);
  });

  scenario('wrangler: from the click to the sealed credential, and the machine is gone', world, async (w, track) => {
    const attempt = await succeed(w, track, 'wrangler');
    await attempt.machineGone();
    assertOrder(await attempt.view());
    const { credential } = await w.person.provider('wrangler');
    const toml = opened(w.directory, credential.id).get('.config/.wrangler/config/default.toml').toString();
    const issued = w.issuer.events.findLast((event) => event.kind === 'tokens' && event.host === 'dash.cloudflare.com').body;
    assert.ok(toml.includes(`oauth_token = "${issued.access_token}"`), 'the access token is the one that was issued');
    assert.ok(toml.includes(`refresh_token = "${issued.refresh_token}"`), 'the refresh token is the one that was issued');
  });

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

/** What the real CLI, from the machines' own image, says of the opened files. */
function codexStatus(home) {
  const at = (file) => path.join(imageTree(), 'opt/anteroom', file);
  const env = { HOME: home, CODEX_HOME: path.join(home, '.codex'), PATH: process.env.PATH };
  const { stdout, stderr } = spawnSync(at('bin/node'), [at('cli/codex/node_modules/.bin/codex'), 'login', 'status'], { env, encoding: 'utf8' });
  return `${stdout}${stderr}`;
}
