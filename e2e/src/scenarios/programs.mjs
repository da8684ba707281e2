// Programs with personal tokens: the example of docs/programs.md as it stands, and what a token opens.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { byPerson, byScriptOnce } from '../harness/connected.mjs';
import { Program } from '../harness/program.mjs';
import { credentialOf, Run } from '../harness/run.mjs';
import { scenario } from '../harness/scenario.mjs';
import { homeOf, Shell } from '../harness/shell.mjs';
import { GITHUB } from '../issuer/hosts.mjs';
import { signInAtHome } from './methods.mjs';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/run.py', import.meta.url));

/** From the run's end to the issuer's word of it. */
const ASKED_MS = 5_000;

const octal = (byte) => `\\${byte.toString(8).padStart(3, '0')}`;

/** A command of the shell that writes two texts byte after byte, one on each of its outputs, so that what is read ends inside of characters. */
function byteByByte(output, errors) {
  const write = (bytes, index, to) => index < bytes.length ? `printf '${octal(bytes[index])}'${to}; sleep 0.02` : ':';
  const [one, other] = [Buffer.from(output), Buffer.from(errors)];
  return Array.from({ length: Math.max(one.length, other.length) }, (_, index) => `${write(one, index, '')}; ${write(other, index, ' >&2')}`).join('\n');
}

export function programs(world, own) {
  /** The example with a program's token. */
  const example = (w, program, ...words) => Shell.startPython(homeOf(w), EXAMPLE, words, { ANTEROOM_URL: w.controller.origin, ANTEROOM_TOKEN: program.token });
  const connect = (w, track, provider, way) => byPerson(w, provider, track, way.method, async (attempt) => signInAtHome(await own, attempt, way));

  async function newestRun(w, track) {
    const { runs: [{ runId }] } = await w.person.get('/api/runs');
    const run = new Run(w, runId);
    track(run);
    return run;
  }

  scenario('the example of the documents prints what a tool writes, whole characters and errors apart, and ends with its exit code', world, async (w) => {
    await byScriptOnce(w, 'shell');
    const [output, errors] = ['Zähl mit: € 5, \u{1F600} und 日本\n', 'kein Fehler: ő, Ω, \u{1F6D1}\n'];
    const script = example(w, await Program.make(w, 'run'), 'shell', '--', '-c', `${byteByByte(output, errors)}\nexit 7`);
    assert.equal(await script.ended(), 7, script.said);
    assert.deepEqual([script.printed, script.said], [output, errors]);
  });

  scenario('the example of the documents prints 5 MB to the last byte', world, async (w) => {
    await byScriptOnce(w, 'shell');
    const script = example(w, await Program.make(w, 'run'), 'shell', '--', '-c', "seq 700000; printf 'the end'");
    assert.equal(await script.ended(), 0, script.said);
    assert.ok(script.printed === `${Array.from({ length: 700_000 }, (_, index) => `${index + 1}\n`).join('')}the end`, `${script.printed.length} characters came`);
  });

  scenario('the example of the documents cancels its run at Ctrl-C', world, async (w, track) => {
    await byScriptOnce(w, 'shell');
    const script = example(w, await Program.make(w, 'run'), 'shell', '--', '-c', 'echo begun; sleep 1000');
    await script.prints(/begun/);
    const run = await newestRun(w, track);
    script.interrupt();
    assert.equal(await script.ended(), 130, script.said);
    const { state, reason } = await run.ended();
    assert.deepEqual([state, reason.code], ['ended', 'stopped-by-person']);
  });

  scenario('the example of the documents passes words on as they are, blanks, quotes and `--`', world, async (w) => {
    await byScriptOnce(w, 'shell');
    const odd = ['a  b', '"$HOME"', "it's", '', 'ä\u{1F600}', '--', '*'];
    const script = example(w, await Program.make(w, 'run'), 'shell', '--', '-c', 'printf "<%s>\\n" "$@"', 'sh', ...odd);
    assert.equal(await script.ended(), 0, script.said);
    assert.deepEqual(script.printed.split('\n').slice(0, -1), odd.map((word) => `<${word}>`));
  });

  scenario('a script with the example of the documents has GitHub CLI\'s token, and hears whose it is', world, async (w, track) => {
    const since = w.issuer.now;
    await connect(w, track, 'github-cli', { method: 'device' });
    const { body } = w.issuer.events.slice(since).findLast(({ kind, host }) => kind === 'tokens' && host === GITHUB);
    const program = await Program.make(w, 'run');
    const token = example(w, program, 'github-cli', '--', 'auth', 'token');
    assert.equal(await token.ended(), 0, token.said);
    assert.ok(token.printed === `${body.access_token}\n`, 'the token and nothing else is printed');
    const status = example(w, program, 'github-cli', '--', 'auth', 'status');
    assert.equal(await status.ended(), 0, status.said);
    assert.match(status.printed + status.said, /Logged in to github\.com as ada/);
  });

  scenario('a prompt that begins like an option, with quotes and lines, is what the model is asked', world, async (w, track) => {
    await connect(w, track, 'claude-code', { method: 'paste', brings: 'code' });
    const prompt = '--version "of what", it\'s said,\n-x ä \\n $HOME?';
    const since = w.issuer.now;
    const script = example(w, await Program.make(w, 'run'), 'claude-code', `--prompt=${prompt}`);
    assert.equal(await script.ended(), 0, script.said);
    assert.equal(script.printed, 'The model has been asked.\n');
    await w.issuer.saw(({ kind, texts }) => kind === 'prompt' && texts.includes(prompt), 'the model is asked the prompt', ASKED_MS, since);
  });

  scenario('a token that may read lists what is connected and what runs, and neither starts nor changes anything', world, async (w, track) => {
    const { id } = await byScriptOnce(w, 'shell');
    const run = await Run.begin(w, 'shell', track, { words: ['-c', 'sleep 1000'] });
    const program = await Program.make(w, 'read');
    const { credentials } = (await program.call('GET', '/api/credentials')).json;
    assert.ok(credentials.some((credential) => credential.id === id));
    assert.equal((await program.call('GET', `/api/credentials/${id}/versions`)).status, 200);
    assert.ok((await program.call('GET', '/api/runs')).json.runs.some(({ runId }) => runId === run.id));
    for (const [method, path, scope, body] of [
      ['POST', '/api/runs', 'run', { provider: 'shell' }],
      ['DELETE', `/api/runs/${run.id}`, 'run'],
      ['GET', `/api/runs/${run.id}/output`, 'run'],
      ['POST', `/api/credentials/${id}/check`, 'run'],
      ['POST', '/api/vm/auth', 'connect', { provider: 'shell', method: 'device' }],
      ['POST', `/api/credentials/${id}/restore`, 'manage', { version: 1 }],
      ['DELETE', `/api/credentials/${id}`, 'manage'],
      ['POST', '/api/tokens', 'manage', { name: 'more', scopes: ['read'], days: 1 }],
    ]) {
      const { status, json } = await program.call(method, path, { body });
      assert.deepEqual([status, json.type], [403, '/problems/scope-missing'], `${method} ${path}`);
      assert.ok(json.detail.includes(scope), json.detail);
    }
    const script = example(w, program, 'shell', '--', '-c', 'true');
    assert.equal(await script.ended(), 1);
    assert.match(script.said, /scope/);
    assert.equal((await run.reached('running')).state, 'running');
    assert.equal((await credentialOf(w, 'shell')).id, id);
  });

  scenario('a token that is revoked opens nothing at once, to a script and to the one that has logged in with it', world, async (w) => {
    await byScriptOnce(w, 'shell');
    const program = await Program.make(w, 'run');
    const home = homeOf(w, 'logged-in');
    const login = Shell.start(home, 'login', w.controller.origin);
    login.type(program.token);
    assert.equal(await login.ended(), 0, login.said);
    const before = Shell.start(home, 'run', 'shell', '--', '-c', 'echo ran');
    assert.equal(await before.ended(), 0, before.said);
    assert.equal(before.printed, 'ran\n');
    assert.deepEqual((await program.view()).scopes, ['run']);
    await program.revoke();
    assert.equal(await program.view(), undefined, 'it is not listed any more');
    for (const path of ['/api/me', '/api/runs', '/api/credentials']) assert.equal((await program.call('GET', path)).status, 401, path);
    const after = Shell.start(home, 'run', 'shell', '--', '-c', 'echo ran');
    assert.equal(await after.ended(), 1);
    assert.deepEqual([after.printed, /sign|token|access|log in/i.test(after.said)], ['', true], after.said);
    const script = example(w, program, 'shell', '--', '-c', 'true');
    assert.equal(await script.ended(), 1);
    assert.ok(!script.said.includes('Traceback'), script.said);
  });
}
