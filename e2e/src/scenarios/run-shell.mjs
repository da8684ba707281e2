// Runs from a shell: `anteroom run`, with pipes in a terminal's place.
import assert from 'node:assert/strict';
import { byPerson, byScript, byScriptOnce } from '../harness/connected.mjs';
import { scenario } from '../harness/scenario.mjs';
import { homeOf, onHost, Shell } from '../harness/shell.mjs';
import { signInAtHome } from './methods.mjs';
import { credentialText } from './run-providers.mjs';

export function runShell(world, own) {
  scenario('from a shell a CLI runs with its exit code, and what it says comes here', world, async (w, track) => {
    await byPerson(w, 'codex', track, 'device', async (attempt) => signInAtHome(await own, attempt, { method: 'device' }));
    const run = Shell.here(w, 'run', 'codex', '--', 'login', 'status');
    assert.equal(await run.ended(), 0, run.said);
    // Codex says this to its standard error.
    assert.match(run.said, /^Logged in using ChatGPT$/m);
    const failing = Shell.here(w, 'run', 'codex', '--', 'no-such-command-of-it', '--nor-such-option');
    assert.notEqual(await failing.ended(), 0);
  });

  scenario('from a shell the exit code of a run is that of its CLI, and what it says of errors comes apart', world, async (w) => {
    await byScript(w, 'shell');
    const both = Shell.here(w, 'run', 'shell', '--', '-c', 'echo out; echo err >&2');
    assert.equal(await both.ended(), 0);
    assert.equal(both.printed, 'out\n');
    assert.match(both.said, /^err$/m);
    for (const [script, code] of [['exit 7', 7], ['kill -TERM $$', 143], ['true', 0]]) {
      assert.equal(await Shell.here(w, 'run', 'shell', '--', '-c', script).ended(), code, script);
    }
  });

  scenario('from a shell 5 MB come through a pipe to the last byte', world, async (w) => {
    await byScriptOnce(w, 'shell');
    const run = Shell.here(w, 'run', 'shell', '--', '-c', "seq 700000; printf 'the end'");
    assert.equal(await run.ended(), 0, run.said);
    const wanted = `${Array.from({ length: 700_000 }, (_, index) => `${index + 1}\n`).join('')}the end`;
    assert.equal(run.printed.length, wanted.length);
    assert.ok(run.printed === wanted, 'every byte is what the CLI wrote');
  });

  scenario('from a shell a pipe is what the CLI reads', world, async (w) => {
    await byScriptOnce(w, 'shell');
    const run = Shell.here(w, 'run', 'shell', '--', '-c', 'read -r line; echo "<$line>"');
    run.type('typed into a pipe');
    assert.equal(await run.ended(), 0, run.said);
    assert.match(run.printed, /<typed into a pipe>/);
  });

  scenario('from a shell a credential in use is told with its run, and taken over when asked', world, async (w) => {
    await byScriptOnce(w, 'shell');
    const first = Shell.here(w, 'run', 'shell', '--', '-c', `echo '${credentialText('of-the-first')}' > .codex/auth.json; echo begun; sleep 1000`);
    await first.prints(/begun/);
    const second = Shell.here(w, 'run', 'shell', '--', '-c', 'true');
    assert.notEqual(await second.ended(), 0);
    assert.match(second.said, /in use|take/i);
    const third = Shell.here(w, 'run', 'shell', '--take-over', '--', '-c', 'grep -c of-the-first .codex/auth.json');
    assert.equal(await third.ended(), 0, third.said);
    assert.match(third.printed, /^1\r?\n$/);
    assert.notEqual(await first.ended(), 0);
    assert.match(first.said, /taken/i);
  });

  scenario('on a terminal `anteroom run` is the CLI: keys, sizes and Ctrl-C are its own, and so is the exit code', world, async (w) => {
    await byScriptOnce(w, 'shell');
    const run = Shell.startOnTerminal(homeOf(w), ...onHost(w, ['run', 'shell']));
    await run.prints(/ready>/);
    run.press('stty size\r');
    await run.prints(/^30 100\r$/m);
    // What says so is the program that waits: Ctrl-C is for it, and not for the shell that is about to start it.
    run.press('bash -c \'echo run""ning; exec sleep 1000\'; echo after-$((40 + 2))\r');
    await run.prints(/running\r/);
    run.press('\x03');
    await run.prints(/\^C[^]*ready>/);
    run.press('echo code-$?\r');
    await run.prints(/^code-130\r\n[^]*ready>/m);
    assert.doesNotMatch(run.printed, /after-42/);
    run.press('exit 9\r');
    assert.equal(await run.ended(), 9, run.printed);
  });

  scenario('Ctrl-C in a shell stops the run', world, async (w) => {
    await byScriptOnce(w, 'shell');
    const run = Shell.here(w, 'run', 'shell', '--', '-c', 'echo begun; sleep 1000');
    await run.prints(/begun/);
    run.interrupt();
    assert.notEqual(await run.ended(), 0);
    const { runs } = await w.person.get('/api/runs');
    const [{ state }] = runs.sort((one, other) => other.createdAt - one.createdAt);
    assert.ok(['saving', 'ended'].includes(state), state);
  });
}
