// One whole sign-in with the real Codex in a machine with a light browser. Emulated, everything takes ten times as long
// and more; what is waited for is the same.
import assert from 'node:assert/strict';
import { Attempt } from '../harness/attempt.mjs';
import { scenario } from '../harness/scenario.mjs';
import { opened } from '../harness/vault.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';

const ADA = ACCOUNTS.ada;
const WHOLE_MS = 600_000;
const STEP_MS = 240_000;

export function virtualSignIn(world) {
  scenario('codex: from the click to the sealed credential in a machine with a kernel of its own', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await attempt.reached('url-opened', STEP_MS);
    const since = w.issuer.now;
    await fill(attempt);
    const login = await w.issuer.saw((event) => event.kind === 'login', 'somebody signed in', STEP_MS, since);
    assert.deepEqual([login.user, login.password], ['ada', ADA.password]);
    await attempt.desktop.sees('consent', STEP_MS);
    await attempt.allow();
    const view = await attempt.ended(STEP_MS);
    assert.equal(view.state, 'succeeded', JSON.stringify(view.reason));
    await attempt.machineGone();
    const { credential } = await w.person.provider('codex');
    assert.equal(credential.account, ADA.email);
    const auth = JSON.parse(opened(w.directory, credential.id).get('.codex/auth.json'));
    const issued = w.issuer.events.findLast((event) => event.kind === 'tokens' && event.host === 'auth.openai.com').body;
    assert.equal(auth.tokens.refresh_token, issued.refresh_token);
  }, WHOLE_MS);
}

/** As a person does, looks for the caret before typing: the light browser shows no focus marks, and loses what comes before. */
async function fill({ desktop, world }) {
  world.secrets.add('typed password', ADA.password);
  for (const [field, text] of [['userField', 'ada'], ['passwordField', ADA.password]]) {
    await desktop.sees(field, STEP_MS);
    await desktop.clickBeside(field);
    await desktop.seesCaret(field, STEP_MS);
    await desktop.type(text);
  }
  await desktop.press('Enter');
}
