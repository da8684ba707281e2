// What becomes of the credential of a run: changes are saved, one run at a time holds what rotates, and nothing is lost when a machine
// is. The issuer takes a refresh token once; whoever shows one a second time loses all of them.
import assert from 'node:assert/strict';
import { setTimeout as passed } from 'node:timers/promises';
import { byPerson, byScript, withShortLives } from '../harness/connected.mjs';
import { credentialOf, Run } from '../harness/run.mjs';
import { scenario } from '../harness/scenario.mjs';
import { opened } from '../harness/vault.mjs';
import { until } from '../harness/wait.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { CLAUDE, GOOGLE, WRANGLER } from '../issuer/hosts.mjs';
import { assertTokens } from './clis.mjs';
import { signInAtHome } from './methods.mjs';
import { credentialText } from './run-providers.mjs';
import { shellRun } from './runs.mjs';

const SAVED_MS = 15_000;
/** From a refresh to the loss of the machine. */
const LOST_AFTER_MS = 1_000;
const FILE = '.codex/auth.json';

const versionOf = async (w, provider) => (await credentialOf(w, provider)).version;
const savedText = async (w, provider) => opened(w.directory, (await credentialOf(w, provider)).id).get(FILE).toString();

/** The issuer has refreshed so often since then, and was shown no old token. */
function assertRefreshed(w, host, times, since) {
  const told = w.issuer.events.slice(since).filter((event) => event.host === host);
  assert.deepEqual(told.filter(({ kind }) => kind === 'refused'), [], 'the issuer has refused something');
  assert.equal(refreshes(w, host, since), times);
}

/** How often the issuer has refreshed since then. */
function refreshes(w, host, since) {
  return w.issuer.events.slice(since).filter((event) => event.host === host && event.kind === 'tokens' && event.grant === 'refresh_token').length;
}

/** Runs a CLI to its end; gives its terminal. */
async function toTheEnd(w, track, provider, words) {
  const run = await Run.begin(w, provider, track, { words });
  const terminal = await run.terminal();
  const { exitCode } = await terminal.ended(60_000);
  assert.equal(exitCode, 0, JSON.stringify(await run.view()));
  assert.equal((await run.ended()).reason.code, 'exited');
  return terminal;
}

export function runCredentials(world, own) {
  const connect = (w, track, provider, way) => byPerson(w, provider, track, way.method, async (attempt) => signInAtHome(await own, attempt, way));
  const ADDRESS = { method: 'paste', brings: 'address' };

  scenario('a refresh in a run is saved at once, and the next run refreshes with what was saved', world, async (w, track) => {
    const version = await withShortLives(w, async () => {
      const { credential } = await connect(w, track, 'wrangler', ADDRESS);
      for (let refreshes = 1; refreshes <= 3; refreshes += 1) {
        const since = w.issuer.now;
        const terminal = await toTheEnd(w, track, 'wrangler', ['auth', 'token']);
        assertRefreshed(w, WRANGLER, 1, since);
        assert.equal(await versionOf(w, 'wrangler'), credential.version + refreshes);
        assertTokens(w, 'wrangler', opened(w.directory, credential.id), since);
        const { body } = w.issuer.events.slice(since).findLast(({ kind }) => kind === 'tokens');
        assert.ok(terminal.text().includes(body.access_token), 'the CLI has the new token');
      }
      return credential.version + 3;
    });
    const since = w.issuer.now;
    const terminal = await toTheEnd(w, track, 'wrangler', ['whoami']);
    assertRefreshed(w, WRANGLER, 1, since);
    assert.ok(terminal.text().includes(ACCOUNTS.ada.email), 'the API takes the new token');
    assert.equal(await versionOf(w, 'wrangler'), version + 1);
  });

  scenario('Claude Code refreshes in a run and has an answer; the next run has the new token and refreshes nothing', world, async (w, track) => {
    const { credential } = await withShortLives(w, () => connect(w, track, 'claude-code', { method: 'paste', brings: 'code' }));
    for (const refreshes of [1, 0]) {
      const since = w.issuer.now;
      const terminal = await toTheEnd(w, track, 'claude-code', ['-p', 'hi']);
      assert.ok(terminal.text().includes('The model has been asked.'));
      assertRefreshed(w, CLAUDE, refreshes, since);
    }
    assertTokens(w, 'claude-code', opened(w.directory, credential.id));
  });

  scenario("Claude Code's token for a year answers two runs at once, when others have expired, and stands in no log of theirs", world, async (w, track) => {
    const provider = 'claude-code-token';
    const { credential } = await withShortLives(w, () => connect(w, track, provider, { method: 'paste', brings: 'code' }));
    const since = w.issuer.now;
    const asks = async () => assert.ok((await toTheEnd(w, track, provider, ['-p', 'hi'])).text().includes('The model has been asked.'));
    await Promise.all([asks(), asks()]);
    assertRefreshed(w, CLAUDE, 0, since);
    assert.equal(await versionOf(w, provider), credential.version);
    const { access_token } = w.issuer.events.findLast(({ kind, host }) => kind === 'tokens' && host === CLAUDE).body;
    assertTokens(w, provider, opened(w.directory, credential.id));
    w.secrets.add('credential token', access_token);
    for (const log of [w.controller.log, w.machineLogs.all]) assert.deepEqual([...w.secrets.in(log)], []);
  });

  scenario('Firebase CLI refreshes in two runs at once and in a third one, each from the one saved credential', world, async (w, track) => {
    await withShortLives(w, async () => {
      const { credential } = await connect(w, track, 'firebase', { method: 'paste', brings: 'code' });
      const since = w.issuer.now;
      const projects = async () => assert.ok((await toTheEnd(w, track, 'firebase', ['projects:list'])).text().includes('project-of-ada'));
      await Promise.all([projects(), projects()]);
      await projects();
      assertRefreshed(w, GOOGLE, 3, since);
      assert.equal(await versionOf(w, 'firebase'), credential.version, 'what a run made of its copy went with its machine');
    });
  });

  scenario('a refresh is saved while the run goes on', world, async (w, track) => {
    const { version } = await byScript(w, 'shell');
    const { run, shell } = await shellRun(w, track);
    await shell.does(`echo '${credentialText('while-it-runs')}' > next && mv next ${FILE}`);
    await until('the new version', SAVED_MS, async () => await versionOf(w, 'shell') === version + 1);
    assert.equal((await run.view()).state, 'running');
    assert.match(await savedText(w, 'shell'), /while-it-runs/);
    // In place, as Wrangler writes.
    await shell.does(`echo '${credentialText('written-in-place')}' > ${FILE}`);
    await until('the next version', SAVED_MS, async () => await versionOf(w, 'shell') === version + 2);
    shell.type('exit\r');
    await run.ended();
    assert.equal(await versionOf(w, 'shell'), version + 2, 'what did not change is not saved again');
  });

  scenario('a refresh in the CLI\'s last moment is saved', world, async (w, track) => {
    const { version } = await byScript(w, 'shell');
    const { run, shell } = await shellRun(w, track);
    shell.type(`echo '${credentialText('at-the-end')}' > ${FILE}; exit\r`);
    await run.ended();
    assert.equal(await versionOf(w, 'shell'), version + 1);
    assert.match(await savedText(w, 'shell'), /at-the-end/);
  });

  const BROKEN = {
    empty: `: > ${FILE}`,
    'half written': `printf '{"tokens": {"id_token": "i' > ${FILE}`,
    blanked: `echo '{"tokens":{"id_token":"","access_token":"","refresh_token":""},"last_refresh":"2026-11-23T00:50:00Z"}' > ${FILE}`,
    deleted: `rm ${FILE}`,
    'older than the saved one': `echo '${credentialText('older', '2025-11-23T00:00:00Z')}' > ${FILE}`,
    'a link to another file': `cp ${FILE} other; ln -sf /etc/passwd ${FILE}`,
  };
  for (const [how, command] of Object.entries(BROKEN)) {
    scenario(`a credential file that is ${how} in a run does not replace the saved one`, world, async (w, track) => {
      const { version } = await byScript(w, 'shell');
      const before = await savedText(w, 'shell');
      const { run, shell } = await shellRun(w, track);
      assert.equal(await shell.does(command), 0);
      shell.type('exit\r');
      await run.ended();
      assert.equal(await versionOf(w, 'shell'), version);
      assert.equal(await savedText(w, 'shell'), before);
      const next = await shellRun(w, track);
      assert.equal(await next.shell.does(`grep -q refresh-token-of-the-sign-in ${FILE}`), 0, 'the next run has the saved one');
    });
  }

  scenario('a credential that rotates is one run\'s, and another one may take it over with all that has changed', world, async (w, track) => {
    await withShortLives(w, async () => {
      await connect(w, track, 'wrangler-shell', ADDRESS);
      const since = w.issuer.now;
      const { run, shell } = await shellRun(w, track, { provider: 'wrangler-shell' });
      assert.equal(await shell.does('wrangler auth token > /dev/null'), 0);
      const refused = await Run.ask(w, 'wrangler-shell');
      assert.deepEqual([refused.status, refused.json.type], [409, '/problems/credential-in-use'], refused.text);
      const { holder } = await credentialOf(w, 'wrangler-shell');
      assert.deepEqual([refused.json.holder, holder.runId], [holder, run.id]);
      assert.ok(holder.since >= (await run.view()).createdAt);
      const next = await shellRun(w, track, { provider: 'wrangler-shell', takeOver: true });
      const view = await run.view();
      assert.deepEqual([view.state, view.reason.code], ['ended', 'taken-over']);
      await shell.ended();
      // As soon as the token's second is over.
      await until('the next run refreshes', SAVED_MS, async () => {
        assert.equal(await next.shell.does('wrangler auth token > /dev/null'), 0);
        return refreshes(w, WRANGLER, since) === 2;
      });
      assertRefreshed(w, WRANGLER, 2, since);
      assert.equal((await credentialOf(w, 'wrangler-shell')).holder.runId, next.run.id);
    });
  });

  scenario('a credential that does not rotate is used by two runs at once', world, async (w, track) => {
    await connect(w, track, 'github-cli-shell', { method: 'device' });
    const both = [await shellRun(w, track, { provider: 'github-cli-shell' }), await shellRun(w, track, { provider: 'github-cli-shell' })];
    for (const { shell } of both) assert.equal(await shell.does('gh auth status'), 0);
    assert.equal((await credentialOf(w, 'github-cli-shell')).holder, undefined);
  });

  scenario('a machine that is killed a second after a refresh has lost nothing: the next run refreshes', world, async (w, track) => {
    await withShortLives(w, async () => {
      const { credential } = await connect(w, track, 'wrangler-shell', ADDRESS);
      const since = w.issuer.now;
      const { run, shell } = await shellRun(w, track, { provider: 'wrangler-shell' });
      const machine = await run.noticeMachine();
      assert.equal(await shell.does('wrangler auth token > /dev/null'), 0);
      await passed(LOST_AFTER_MS);
      process.kill(Number(w.remains.processesOf(machine).find(({ isInit }) => isInit).pid), 'SIGKILL');
      const view = await run.ended();
      assert.deepEqual([view.state, view.reason.code], ['ended', 'machine-lost'], JSON.stringify(view));
      await shell.ended();
      assert.equal(await versionOf(w, 'wrangler-shell'), credential.version + 1);
      const next = await shellRun(w, track, { provider: 'wrangler-shell' });
      assert.equal(await next.shell.does('wrangler auth token > /dev/null'), 0);
      assertRefreshed(w, WRANGLER, 2, since);
    });
  });
}
