// `anteroom mcp`, asked by the protocol's own client as an agent asks it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent } from '../harness/agent.mjs';
import { byScript, byScriptOnce } from '../harness/connected.mjs';
import { USER } from '../harness/machined.mjs';
import { Program } from '../harness/program.mjs';
import { credentialOf, Run } from '../harness/run.mjs';
import { scenario } from '../harness/scenario.mjs';
import { homeOf, Shell } from '../harness/shell.mjs';
import { until } from '../harness/wait.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';

const CONNECTED_MS = 60_000;
const ADA = { user: 'ada', password: ACCOUNTS.ada.password };

/** The tools that docs/programs.md lists. */
const DOCUMENTED = [...readFileSync(new URL('../../../docs/programs.md', import.meta.url), 'utf8').split('## Agents')[1].matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);

export function agents(world, own) {
  /** On the server's own host, without a login. */
  const here = (w, track) => Agent.start(homeOf(w), ['--user', USER, '--config', w.controller.config], track);

  const toolOf = async (agent, provider) => (await agent.does('list')).tools.find((tool) => tool.provider === provider);
  const runsOf = async (agent, provider) => (await toolOf(agent, provider)).runs;

  /** It is connected by its own status, and nothing that it was told is a token. */
  async function assertConnected(w, agent, session_id) {
    await until('status says that it is connected', CONNECTED_MS, async () => {
      const status = await agent.does('status', { session_id });
      assert.ok(!['failed', 'cancelled', 'timed-out'].includes(status.state), JSON.stringify(status));
      return status.state === 'succeeded' && /connected/.test(status.next);
    });
    w.secrets.add('credential token', ...w.issuer.secrets());
    assert.deepEqual([...w.secrets.in(agent.told + agent.said)], []);
  }

  /** A run of a shell by an agent that waits for its end, and goes on. */
  async function goingOn(agent, track, w, options) {
    const answered = agent.does('run', { provider: 'shell', arguments: ['-c', 'sleep 1000'] }, options);
    // Whoever waits for the answer hears of it.
    answered.catch(() => undefined);
    const [{ runId }] = await until('the run goes on', CONNECTED_MS, async () => {
      const runs = await runsOf(agent, 'shell');
      return runs.length > 0 && runs;
    });
    const run = new Run(w, runId);
    track(run);
    await run.reached('running');
    return { answered, run };
  }

  scenario('an agent finds the tools of the documents, and standard output has the protocol alone', world, async (w, track) => {
    const agent = await here(w, track);
    assert.equal(agent.client.getServerVersion().name, 'anteroom');
    assert.match(agent.client.getInstructions(), /`list`/);
    const { tools } = await agent.client.listTools();
    assert.deepEqual(tools.map(({ name }) => name).sort(), [...DOCUMENTED].sort());
    assert.ok(DOCUMENTED.length > 0 && tools.every(({ description, inputSchema }) => description && inputSchema.type === 'object'));
    const { tools: listed } = await agent.does('list');
    const { providers } = await w.person.get('/api/providers');
    assert.deepEqual(listed.map(({ provider }) => provider), providers.map(({ id }) => id));
    await agent.leave();
    assert.deepEqual([agent.strays, agent.said], [[], '']);
  });

  scenario('an agent connects GitHub CLI: it is told link and code, a person signs in, and it hears that it is connected', world, async (w, track) => {
    const agent = await here(w, track);
    const { link, code, session_id } = await agent.does('connect', { provider: 'github-cli' });
    await (await own).approveDevice({ url: link, code, ...ADA });
    await assertConnected(w, agent, session_id);
    const { connected } = await toolOf(agent, 'github-cli');
    assert.deepEqual([connected.account, connected.health], ['ada', 'connected']);
    const status = await agent.does('run', { provider: 'github-cli', arguments: ['auth', 'status'] });
    assert.equal(status.exit_code, 0, status.errors);
    assert.match(status.output + status.errors, /Logged in to github\.com as ada/);
    assert.deepEqual(agent.strays, []);
  });

  scenario('an agent connects Claude Code with what a person brings back, and has a prompt answered', world, async (w, track) => {
    const agent = await here(w, track);
    const { link, code, session_id } = await agent.does('connect', { provider: 'claude-code', method: 'paste' });
    assert.equal(code, null);
    const text = await (await own).signInAndReadCode({ url: link, ...ADA });
    w.secrets.add('pasted text', text);
    await agent.does('paste', { session_id, text });
    await assertConnected(w, agent, session_id);
    const answered = await agent.does('run', { provider: 'claude-code', prompt: '-v: what is this?' });
    assert.deepEqual([answered.exit_code, answered.output], [0, 'The model has been asked.\n'], answered.errors);
  });

  scenario('an agent runs a tool, and has its output, its errors and its exit code', world, async (w, track) => {
    await byScriptOnce(w, 'shell');
    const agent = await here(w, track);
    const run = await agent.does('run', { provider: 'shell', arguments: ['-c', 'echo "<$1>"; echo err >&2; cat; exit 7', 'sh', '-x "ä\u{1F600}"'] });
    assert.deepEqual([run.output, run.errors, run.exit_code, run.is_cut], ['<-x "ä\u{1F600}">\n', 'err\n', 7, false]);
    const { state, exitCode } = await agent.does('status', { run_id: run.run_id });
    assert.deepEqual([state, exitCode], ['ended', 7]);
    const long = await agent.does('run', { provider: 'shell', arguments: ['-c', 'seq 700000'] });
    assert.ok(long.is_cut && long.output.endsWith('\n700000\n') && long.output.length > 100_000, `${long.output.length} characters`);
  });

  scenario('a run whose call an agent cancels ends, and so does one that it stops', world, async (w, track) => {
    await byScriptOnce(w, 'shell');
    const agent = await here(w, track);
    const cancel = new AbortController();
    const { answered, run } = await goingOn(agent, track, w, { signal: cancel.signal });
    cancel.abort('not wanted any more');
    await assert.rejects(answered, /not wanted any more/);
    assert.equal((await run.ended()).reason.code, 'stopped-by-person');
    const next = await goingOn(agent, track, w);
    await agent.does('stop', { run_id: next.run.id });
    assert.match((await next.answered).reason, /stopped/i);
    assert.equal((await next.run.ended()).reason.code, 'stopped-by-person');
    assert.deepEqual(agent.strays, []);
  });

  scenario('an agent that goes away while it waits for a run leaves none', world, async (w, track) => {
    await byScriptOnce(w, 'shell');
    const agent = await here(w, track);
    const { run } = await goingOn(agent, track, w);
    await agent.leave();
    assert.equal((await run.ended()).reason.code, 'stopped-by-person');
  });

  scenario('an agent is told in words what can\'t be done', world, async (w, track) => {
    await byScript(w, 'shell');
    const agent = await here(w, track);
    assert.match(await agent.isRefused('connect', { provider: 'no-such-tool' }), /no tool no-such-tool/);
    assert.match(await agent.isRefused('connect', { provider: 'github-cli', method: 'paste' }), /does not sign in so/);
    assert.match(await agent.isRefused('run', { provider: 'shell', prompt: 'hi' }), /prompt/);
    assert.match(await agent.isRefused('status', {}), /session_id or run_id/);
    assert.match(await agent.isRefused('stop', { run_id: `ses_${'0'.repeat(26)}` }), /run/);
    await assert.rejects(agent.does('run', { provider: 'shell', argument: 'x' }), /argument/);
    await assert.rejects(agent.does('no_such_tool'), /tool/);
    const { answered, run } = await goingOn(agent, track, w);
    assert.match(await agent.isRefused('run', { provider: 'shell', arguments: ['-c', 'true'] }), /Another run/);
    assert.equal((await agent.does('run', { provider: 'shell', arguments: ['-c', 'true'], take_over: true })).exit_code, 0);
    assert.match((await answered).reason, /has taken the credential over/);
    assert.equal((await run.ended()).reason.code, 'taken-over');
    assert.deepEqual(agent.strays, []);
  });

  scenario('an agent whose login may only read lists, and is told the scope that it lacks', world, async (w, track) => {
    await byScriptOnce(w, 'shell');
    const program = await Program.make(w, 'read');
    const home = homeOf(w, 'reader');
    const login = Shell.start(home, 'login', w.controller.origin);
    login.type(program.token);
    assert.equal(await login.ended(), 0, login.said);
    const agent = await Agent.start(home, [], track);
    assert.equal((await toolOf(agent, 'shell')).connected.id, (await credentialOf(w, 'shell')).id);
    for (const [tool, words, scope] of [['run', { provider: 'shell' }, 'run'], ['connect', { provider: 'github-cli' }, 'connect']]) {
      assert.match(await agent.isRefused(tool, words), new RegExp(`scope.*${scope}|${scope}.*scope`), tool);
    }
    assert.ok(!(agent.told + agent.said).includes(program.token), 'its token is told nowhere');
  });
}
