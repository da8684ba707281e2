// Versions of a credential: what a run has written back stands beside what the sign-in has brought, and its owner goes back to one. The
// issuer takes a refresh token once, and who shows one again loses all that came of it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { byPerson, withShortLives } from '../harness/connected.mjs';
import { credentialOf } from '../harness/run.mjs';
import { scenario } from '../harness/scenario.mjs';
import { opened } from '../harness/vault.mjs';
import { until } from '../harness/wait.mjs';
import { WRANGLER } from '../issuer/hosts.mjs';
import { check } from './health.mjs';
import { signInAtHome } from './methods.mjs';
import { shellRun } from './runs.mjs';

const SAVED_MS = 15_000;
const FREE_MS = 15_000;
const PROVIDER = 'wrangler-shell';
const FILE = '.config/.wrangler/config/default.toml';

const digestOf = (w, { id }) => createHash('sha256').update(opened(w.directory, id).get(FILE)).digest('hex');

/** The newest of them, with where each came from. */
async function newest(w, { id }, count) {
  const { versions } = await w.person.get(`/api/credentials/${id}/versions`);
  return versions.slice(0, count).map(({ version, origin, isCurrent }) => [version, origin, isCurrent]);
}

const restore = (w, { id }, version) => w.person.call('POST', `/api/credentials/${id}/restore`, { body: { version } });

/** A sign-in's credential and the next version, which a run has written and ended. `meanwhile` is done before its end. */
async function signedInAndRefreshed(w, track, own, meanwhile) {
  const { credential } = await byPerson(w, PROVIDER, track, 'paste', async (attempt) => signInAtHome(await own, attempt, { method: 'paste', brings: 'address' }));
  const digest = digestOf(w, credential);
  const { run, shell } = await shellRun(w, track, { provider: PROVIDER });
  assert.equal(await shell.does('wrangler auth token > /dev/null'), 0);
  await until('the new version', SAVED_MS, async () => (await credentialOf(w, PROVIDER)).version === credential.version + 1);
  assert.notEqual(digestOf(w, credential), digest);
  await meanwhile(credential, run);
  shell.type('exit\r');
  await run.ended();
  await until('no run holds the credential', FREE_MS, async () => !(await credentialOf(w, PROVIDER)).holder);
  return { credential, digest };
}

export function versions(world, own) {
  scenario('its owner goes back from what a run has written to what the sign-in has brought, though not under a run; what is used up there needs a sign-in', world, async (w, track) => {
    await withShortLives(w, async () => {
      const { credential, digest } = await signedInAndRefreshed(w, track, own, async (credential, run) => {
        assert.deepEqual(await newest(w, credential, 2), [[credential.version + 1, 'run', true], [credential.version, 'sign-in', false]]);
        const { status, json } = await restore(w, credential, credential.version);
        assert.deepEqual([status, json.type, json.holder.runId], [409, '/problems/credential-in-use', run.id]);
      });
      const { version: first } = credential;
      for (const none of [first + 1, first + 2]) assert.equal((await restore(w, credential, none)).json.type, '/problems/no-such-version');
      const restored = await restore(w, credential, first);
      assert.deepEqual([restored.status, restored.json.version, restored.json.origin], [200, first + 2, 'restore'], restored.text);
      assert.deepEqual(await newest(w, credential, 3), [[first + 2, 'restore', true], [first + 1, 'run', false], [first, 'sign-in', false]]);

      const since = w.issuer.now;
      const { run, shell } = await shellRun(w, track, { provider: PROVIDER });
      assert.equal(await shell.does(`echo '${digest}  ${FILE}' | sha256sum --check --status`), 0, 'the run has what the sign-in has brought');
      await shell.does('wrangler auth token');
      await shell.shows(/Not logged in/);
      assert.equal(w.issuer.events.slice(since).find(({ kind, host }) => kind === 'refused' && host === WRANGLER)?.description, 'refresh token already used');
      shell.type('exit\r');
      await run.ended();
      // Wrangler leaves its file as it is, so that nothing is known until it is asked.
      assert.equal((await credentialOf(w, PROVIDER)).health, 'connected');
      await check(w, PROVIDER, track);
      const { version, health, healthDetail } = await credentialOf(w, PROVIDER);
      assert.deepEqual([version, health, healthDetail], [first + 2, 'needs-sign-in', 'wrangler whoami ended with exit code 1.']);
    });
  });
}
