// Runs by the API: how they begin, what their terminals show, and how they end.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { byPerson, byScript, byScriptOnce } from '../harness/connected.mjs';
import { Person } from '../harness/http.mjs';
import { Run } from '../harness/run.mjs';
import { scenario } from '../harness/scenario.mjs';
import { RunTerminal } from '../harness/terminal.mjs';
import { until } from '../harness/wait.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { GITHUB } from '../issuer/hosts.mjs';
import { signInAtHome } from './methods.mjs';
import { VIM } from './run-providers.mjs';

/** From a connection to the word that refuses it. */
const CLOSED_MS = 10_000;
const FLOOD_BYTES = 20_000_000;
const FLOOD_MS = 60_000;
/** A person who presses Ctrl-C wants the prompt. */
const INTERRUPTED_MS = 5_000;

/** The shortest time that the operator can set, and what stopping takes. */
const IDLE_MS = 90_000;

/** What each CLI says of its credential, and with which words it is asked. */
const SAYS = [
  { provider: 'codex', method: 'device', words: ['login', 'status'], says: /^Logged in using ChatGPT$/ },
  { provider: 'claude-code', method: 'paste', brings: 'code', words: ['auth', 'status'], says: new RegExp(`"email": "${ACCOUNTS.ada.email}"`) },
  { provider: 'claude-code-token', method: 'paste', brings: 'code', words: ['auth', 'status'], says: /"authMethod": "oauth_token"/ },
  { provider: 'github-cli', method: 'device', words: ['auth', 'status'], says: /Logged in to github\.com as ada/ },
  { provider: 'firebase', method: 'paste', brings: 'code', words: ['login:list'], says: new RegExp(`^Logged in as ${ACCOUNTS.ada.email}$`) },
];

/** The run has ended by itself, with this exit code, by its own view and by its terminal's last word. */
async function assertExited(run, terminal, code) {
  assert.deepEqual(await terminal.ended(), { exitCode: code, code: 1000 });
  const view = await run.ended();
  assert.deepEqual([view.state, view.reason.code, view.exitCode], ['ended', 'exited', code]);
  assert.ok(view.createdAt <= view.startedAt && view.startedAt <= view.endedAt, JSON.stringify(view));
  return view;
}

/** A shell as a run, on a terminal of this size. */
export async function shellRun(w, track, { size, provider = 'shell', ...options } = {}) {
  if (provider === 'shell') await byScriptOnce(w, provider);
  const run = await Run.begin(w, provider, track, { size, ...options });
  return { run, shell: await run.shell({ size }) };
}

export function runs(world, own) {
  for (const { provider, words, says, ...way } of SAYS) {
    scenario(`${provider} runs with its credential: it says whose it is, and its exit code is told`, world, async (w, track) => {
      await byPerson(w, provider, track, way.method, async (attempt) => signInAtHome(await own, attempt, way));
      const run = await Run.begin(w, provider, track, { words });
      const terminal = await run.terminal({ isPublic: true });
      await terminal.shows(says);
      const view = await assertExited(run, terminal, 0);
      assert.deepEqual([view.runId, view.provider, view.arguments], [run.id, provider, words]);
      const { runs: all } = await w.person.get('/api/runs');
      assert.deepEqual(all.find(({ runId }) => runId === run.id), view);
    });
  }

  scenario("GitHub CLI's token is the one that the issuer has handed out", world, async (w, track) => {
    const since = w.issuer.now;
    await byPerson(w, 'github-cli', track, 'device', async (attempt) => signInAtHome(await own, attempt, { method: 'device' }));
    const { body } = w.issuer.events.slice(since).findLast(({ kind, host }) => kind === 'tokens' && host === GITHUB);
    const run = await Run.begin(w, 'github-cli', track, { words: ['auth', 'token'] });
    const terminal = await run.terminal();
    await assertExited(run, terminal, 0);
    assert.ok(terminal.text().trim() === body.access_token, 'the terminal shows the token and nothing else');
  });

  scenario('a CLI that ends at once ends its run, with its exit code', world, async (w, track) => {
    await byScript(w, 'ends-at-once');
    const run = await Run.begin(w, 'ends-at-once', track);
    const view = await run.ended();
    assert.deepEqual([view.reason.code, view.exitCode], ['exited', 1]);
    assert.equal((await (await run.terminal()).ended()).code, 4410, 'who comes later is told that it has ended');
  });

  scenario('a CLI that is not there ends its run with that reason', world, async (w, track) => {
    await byScript(w, 'never-starts');
    const run = await Run.begin(w, 'never-starts', track);
    const view = await run.ended();
    assert.deepEqual([view.reason.code, view.exitCode, view.startedAt], ['cli-not-started', undefined, undefined]);
    assert.match(view.reason.detail, /no-such-command/);
  });

  scenario('a program that is killed has 128 and its signal as exit code', world, async (w, track) => {
    await byScript(w, 'shell');
    const { run, shell } = await shellRun(w, track);
    shell.type('kill -9 $$\r');
    await assertExited(run, shell, 137);
  });

  scenario('words on the command line reach the CLI as they are, blanks, quotes and all', world, async (w, track) => {
    const odd = ['a  b', '"$HOME"', "it's", '', 'ä\u{1F600}', '--', '*'];
    const run = await Run.begin(w, 'shell', track, { words: ['-c', 'printf "<%s>\\n" "$@"; exit 7', 'sh', ...odd] });
    const terminal = await run.terminal({ isPublic: true });
    await assertExited(run, terminal, 7);
    assert.deepEqual(terminal.lines(), odd.map((word) => `<${word}>`));
  });

  scenario('a run that is stopped says who stopped it, and its machine is gone', world, async (w, track) => {
    const { run, shell } = await shellRun(w, track);
    const machine = await run.noticeMachine();
    const processes = w.remains.processesOf(machine);
    assert.ok((await run.stop()).status < 300);
    await shell.ended();
    const view = await run.ended();
    assert.deepEqual([view.state, view.reason.code], ['ended', 'stopped-by-person']);
    await w.remains.gone(machine, processes);
    assert.ok((await run.stop()).status < 500, 'once more is no fault');
  });

  scenario('nobody else finds a run or its terminal', world, async (w, track) => {
    const { run, shell } = await shellRun(w, track);
    const missing = `ses_${'0'.repeat(26)}`;
    assert.equal((await w.person.call('GET', `/api/runs/${missing}`)).status, 404);
    const code = async (terminal) => {
      await until('the terminal is closed', CLOSED_MS, () => terminal.closed);
      return terminal.closed.code;
    };
    assert.equal(await code(await RunTerminal.open(w.person, missing)), 4404);
    assert.equal(await code(await RunTerminal.open(new Person(w.person.origin, 'none=none'), run.id)), 4401);
    const other = await RunTerminal.open(w.person, run.id, { origin: 'https://elsewhere.test' });
    assert.match(other.closed?.error ?? '', /403/, 'another site gets no terminal by the cookie');
    assert.equal(await shell.does('true'), 0);
  });

  scenario('an editor takes the whole screen, edits a file and gives the screen back', world, async (w, track) => {
    const { shell } = await shellRun(w, track);
    await shell.does('echo before');
    shell.type(`${VIM} -u NONE note.txt\r`);
    await shell.shows(/^~$/);
    shell.type('iwritten in vim\x1b:wq\r');
    await shell.saw('the screen is the shell\'s again', () => !shell.lines().includes('~') && shell.lines().includes('before'));
    assert.equal(await shell.does('grep -x "written in vim" note.txt'), 0);
  });

  scenario('after 20 MB of output the prompt is there, and nothing waits to be drawn', world, async (w, track) => {
    const { shell } = await shellRun(w, track);
    assert.equal(await shell.does(`yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c ${FLOOD_BYTES}`, FLOOD_MS), 0);
    assert.equal(shell.drawn, shell.received);
    assert.equal(await shell.does('seq 3'), 0);
  });

  scenario('a flood without end stops at Ctrl-C', world, async (w, track) => {
    const { shell } = await shellRun(w, track);
    shell.type('yes flood\r');
    await shell.saw('a megabyte came', () => shell.received > 1_000_000);
    shell.type('\x03');
    await shell.shows(/^(.*\^C)?ready>$/, INTERRUPTED_MS);
    assert.equal(await shell.does('echo after'), 0);
  });

  scenario('who draws nothing is sent a mebibyte and no more, and then the present screen', world, async (w, track) => {
    const { run, shell } = await shellRun(w, track);
    const slow = await run.shell();
    slow.isSlow = true;
    await shell.does(`yes 0123456789 | head -c ${FLOOD_BYTES}`, FLOOD_MS);
    await slow.saw('nothing more comes', () => slow.received > 900_000);
    assert.ok(slow.received <= 1024 * 1024, `${slow.received} bytes without an acknowledgement`);
    const screens = slow.screens.length;
    slow.isSlow = false;
    slow.acknowledge();
    await slow.saw('the present screen', () => slow.screens.length > screens);
    await slow.saw('both show the same', () => slow.lines().join('\n') === shell.lines().join('\n'));
  });

  scenario('the size is that of the viewer that typed last, and the other one is told', world, async (w, track) => {
    const sizes = [{ columns: 90, rows: 25 }, { columns: 120, rows: 40 }];
    const { run, shell: first } = await shellRun(w, track, { size: sizes[0] });
    const second = await run.shell({ size: sizes[1] });
    await first.does('stty size');
    await first.shows(/^25 90$/);
    await second.does('stty size');
    await second.shows(/^40 120$/);
    await first.saw('the first is told', () => first.sizes.some(({ columns, rows }) => columns === 120 && rows === 40));
    second.resize({ columns: 70, rows: 20 });
    await second.does('stty size');
    await second.shows(/^20 70$/);
  });

  scenario('a second viewer is drawn the same screen, with what has scrolled away', world, async (w, track) => {
    const { run, shell } = await shellRun(w, track);
    await shell.does("printf '\\033[31mred\\033[0m \\033[1mbold\\033[0m\\n'; seq 200");
    const second = await run.shell();
    assert.deepEqual(second.lines(), shell.lines());
    assert.ok(second.lines(true).includes('150'), 'what has scrolled away is there');
    shell.type('echo typed by the first');
    await second.shows(/^ready> echo typed by the first$/);
    second.type('\r');
    await shell.shows(/^typed by the first$/);
  });

  scenario('a run that nobody looks at ends after the time that the operator has set, and one that somebody looks at does not', world, async (w, track) => {
    for (const provider of ['shell', 'second-shell']) await byScript(w, provider);
    await w.controller.restart({ ANTEROOM_RUNS__IDLE_MINUTES: '1' });
    w.secrets.addLink(w.controller.link);
    try {
      const watched = await shellRun(w, track);
      const left = await shellRun(w, track, { provider: 'second-shell' });
      left.shell.close();
      const view = await left.run.ended(IDLE_MS);
      assert.deepEqual([view.state, view.reason.code], ['ended', 'idle']);
      assert.ok(view.endedAt - view.startedAt >= 60_000, JSON.stringify(view));
      assert.equal(await watched.shell.does('true'), 0);
    } finally {
      await w.controller.restart();
      w.secrets.addLink(w.controller.link);
    }
  });

  scenario('what is typed and shown in a terminal stands in no log and no file', world, async (w, track) => {
    const typed = randomBytes(16).toString('hex');
    w.secrets.add('typed in a terminal', typed);
    const { run, shell } = await shellRun(w, track);
    await shell.does(`echo ${typed} | rev`);
    const shown = [...typed].reverse().join('');
    w.secrets.add('shown in a terminal', shown);
    await shell.shows(new RegExp(`^${shown}$`));
    await run.stop();
    await run.ended();
  });
}
