// Whether a credential works, as its card tells: what a run's CLI left of it, and what the CLI's own check has found.
import assert from 'node:assert/strict';
import { ask } from '../harness/ask.mjs';
import { byPerson, withShortLives } from '../harness/connected.mjs';
import { credentialOf, Run } from '../harness/run.mjs';
import { scenario } from '../harness/scenario.mjs';
import { opened } from '../harness/vault.mjs';
import { until } from '../harness/wait.mjs';
import { CLAUDE, CLAUDE_PLATFORM, GITHUB_API } from '../issuer/hosts.mjs';
import { VENDORS } from '../issuer/vendors.mjs';
import { CLIS } from './clis.mjs';
import { signInAtHome } from './methods.mjs';
import { shellRun } from './runs.mjs';

const EXPIRED_MS = 30_000;
/** As long as a sign-in takes that asks with its token whose it is. */
const SHORT_S = 5;

/** How each is connected here. */
const WAYS = {
  codex: { method: 'device' },
  'codex-shell': { method: 'device' },
  'claude-code': { method: 'paste', brings: 'code' },
  'github-cli': { method: 'device' },
  wrangler: { method: 'paste', brings: 'address' },
};

/** What the card says of it. */
async function healthOf(w, provider) {
  const { health, healthDetail } = await credentialOf(w, provider);
  return [health, healthDetail];
}

/** Has the CLI find out whether its credential works; gives the run that did. */
export async function check(w, provider, track, deadlineMs) {
  const { id } = await credentialOf(w, provider);
  const { status, json, text } = await w.person.call('POST', `/api/credentials/${id}/check`);
  assert.deepEqual([status, json?.check], [201, true], text);
  const run = new Run(w, json.runId);
  track(run);
  return run.ended(deadlineMs);
}

/** Somebody else uses the refresh token: whoever shows it from now on is refused. */
async function useUp(w, { id }) {
  const { refresh_token } = CLIS['claude-code'].tokens(opened(w.directory, id));
  const { status } = await ask(w.issuer, 'POST', `https://${CLAUDE_PLATFORM}/v1/oauth/token`, { json: { grant_type: 'refresh_token', refresh_token, client_id: VENDORS[CLAUDE].client } });
  assert.equal(status, 200);
}

export function health(world, own) {
  const connect = (w, track, provider) => byPerson(w, provider, track, WAYS[provider].method, async (attempt) => signInAtHome(await own, attempt, WAYS[provider]));

  scenario('Claude Code blanks its credential when a refresh is refused: the card says so, Open still opens, and Reconnect mends it', world, async (w, track) => {
    const { credential } = await withShortLives(w, () => connect(w, track, 'claude-code'));
    await useUp(w, credential);
    const run = await Run.begin(w, 'claude-code', track, { words: ['-p', 'hi'] });
    const terminal = await run.terminal({ isPublic: true });
    await terminal.shows(/Not logged in/);
    assert.equal((await run.ended()).exitCode, 1);
    const [health, detail] = await healthOf(w, 'claude-code');
    assert.deepEqual([health, (await credentialOf(w, 'claude-code')).version], ['needs-sign-in', credential.version]);
    assert.match(detail, /^The CLI left no whole credential: \.claude\/\.credentials\.json: .* is blank\.$/);

    const open = await Run.begin(w, 'claude-code', track);
    await (await open.terminal({ isPublic: true })).shows(/Claude Code/);
    await open.stop();
    assert.equal((await open.ended()).reason.code, 'stopped-by-person');
    assert.equal((await healthOf(w, 'claude-code'))[0], 'needs-sign-in');
    await connect(w, track, 'claude-code');
    assert.deepEqual(await healthOf(w, 'claude-code'), ['connected', undefined]);
  });

  for (const provider of ['codex', 'claude-code', 'github-cli', 'wrangler']) {
    scenario(`${provider}: its own check says that what was just connected works`, world, async (w, track) => {
      await connect(w, track, provider);
      const { reason, exitCode } = await check(w, provider, track);
      assert.deepEqual([reason.code, exitCode], ['exited', 0]);
      assert.deepEqual(await healthOf(w, provider), ['connected', undefined]);
    });
  }

  scenario("a check finds that GitHub takes its CLI's token no more, until there is a new one", world, async (w, track) => {
    const { credential } = await withShortLives(w, () => connect(w, track, 'github-cli'), SHORT_S);
    const { access_token } = CLIS['github-cli'].tokens(opened(w.directory, credential.id));
    await until('the token has expired', EXPIRED_MS, async () => (await ask(w.issuer, 'GET', `https://${GITHUB_API}/`, { headers: { authorization: `token ${access_token}` } })).status === 401);
    assert.deepEqual(await healthOf(w, 'github-cli'), ['connected', undefined], 'nobody has asked');
    assert.equal((await check(w, 'github-cli', track)).exitCode, 1);
    assert.deepEqual(await healthOf(w, 'github-cli'), ['needs-sign-in', 'gh auth status ended with exit code 1.']);
    await connect(w, track, 'github-cli');
    assert.deepEqual(await healthOf(w, 'github-cli'), ['connected', undefined]);
  });

  scenario('a check finds a credential that a run has broken though it is whole by the rules of its file', world, async (w, track) => {
    const { credential: { version } } = await connect(w, track, 'codex-shell');
    const { run, shell } = await shellRun(w, track, { provider: 'codex-shell' });
    assert.equal(await shell.does(`sed --in-place 's/"id_token": *"[^"]*"/"id_token": "none"/' .codex/auth.json`), 0);
    shell.type('exit\r');
    await run.ended();
    assert.equal((await credentialOf(w, 'codex-shell')).version, version + 1);
    assert.equal((await check(w, 'codex-shell', track)).exitCode, 1);
    assert.deepEqual(await healthOf(w, 'codex-shell'), ['needs-sign-in', 'codex login status ended with exit code 1.']);
  });
}
