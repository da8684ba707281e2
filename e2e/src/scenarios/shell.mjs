// Sign-ins from a shell: the program's own commands, with the real CLIs behind them.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { OwnBrowser } from '../harness/own-browser.mjs';
import { scenario } from '../harness/scenario.mjs';
import { homeOf, Shell } from '../harness/shell.mjs';
import { opened } from '../harness/vault.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { assertTokens } from './clis.mjs';

const ADA = { user: 'ada', password: ACCOUNTS.ada.password };
const LINK = /^Open +(https:\/\/\S+)$/m;

export function shell(world) {
  const own = OwnBrowser.start(world().issuer);
  after(async () => (await own).stop());

  async function assertConnected(w, provider, since) {
    const { credential } = await w.person.provider(provider);
    assertTokens(w, provider, opened(w.directory, credential.id), since);
  }

  scenario('from a shell a tool is connected by device code', world, async (w) => {
    const since = w.issuer.now;
    const connect = Shell.here(w, 'connect', 'github-cli');
    const [url, code] = [await connect.says(LINK), await connect.says(/^and enter the code +(\S+)$/m)];
    await (await own).approveDevice({ url, code, ...ADA });
    assert.equal(await connect.ended(), 0, connect.said);
    assert.equal(connect.printed, 'GitHub CLI is connected as ada\n');
    await assertConnected(w, 'github-cli', since);
  });

  scenario('from a shell a tool is connected with what is brought back, and a stray text is answered', world, async (w) => {
    const since = w.issuer.now;
    const connect = Shell.here(w, 'connect', 'codex', '--method', 'paste');
    const address = await (await own).signInAndReadRedirect({ url: await connect.says(LINK), ...ADA });
    w.secrets.add('pasted text', address);
    connect.type('http://localhost:1455/elsewhere?code=c');
    await connect.says(/not the one that this sign-in ends at/);
    connect.type(address);
    assert.equal(await connect.ended(), 0, connect.said);
    assert.match(connect.printed, /^Codex is connected as /);
    await assertConnected(w, 'codex', since);
  });

  scenario('Ctrl-C in a shell cancels the sign-in', world, async (w) => {
    const connect = Shell.here(w, 'connect', 'github-cli');
    await connect.says(LINK);
    const { session } = await w.person.provider('github-cli');
    connect.interrupt();
    assert.equal(await connect.ended(), 1);
    assert.equal((await w.person.session(session.sessionId)).reason.code, 'cancelled-by-person');
  });

  scenario('a tool that needs a desktop leads from the shell to the page', world, async (w) => {
    const connect = Shell.here(w, 'connect', 'empty-handed');
    assert.equal(await connect.ended(), 1);
    assert.ok(connect.said.includes(`open ${w.controller.origin}/ in a browser`), connect.said);
  });

  scenario('a login keeps the token for its user alone, and connect asks that server', world, async (w) => {
    const home = homeOf(w);
    const token = (await w.controller.command('token')).trim();
    w.secrets.add('machine token', token);
    const wrong = Shell.start(home, 'login', w.controller.origin);
    wrong.type('A'.repeat(43));
    assert.equal(await wrong.ended(), 1);
    const login = Shell.start(home, 'login', w.controller.origin);
    login.type(token);
    assert.equal(await login.ended(), 0, login.said);
    assert.equal(statSync(path.join(home, 'anteroom/login.toml')).mode & 0o777, 0o600);
    assert.ok(!`${login.said}${login.printed}${wrong.said}`.includes(token), 'the token is not repeated');
    // Neither the server's configuration nor its database is at hand.
    const connect = Shell.start(home, 'connect', 'github-cli');
    await connect.says(LINK);
    connect.interrupt();
    await connect.ended();
  });
}
