// Two sessions at once don't see each other: neither network, nor files, nor processes, nor signaling, nor credentials.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readlinkSync, writeFileSync, chownSync } from 'node:fs';
import { Attempt } from '../harness/attempt.mjs';
import { call } from '../harness/http.mjs';
import { scenario } from '../harness/scenario.mjs';
import { opened } from '../harness/vault.mjs';
import { until } from '../harness/wait.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';

const PORT = 8099;
const CONNECT_S = 2;

const inNetworkOf = (process, ...command) => ['nsenter', ['-t', process.pid, '-n', '--', ...command]];

/** Whether a TCP connection from a machine's network to an address comes up. */
function reaches(process, address, port) {
  const [program, args] = inNetworkOf(process, 'timeout', String(CONNECT_S), 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`);
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** A listener inside a machine's network, on all of its addresses. */
async function listener(process) {
  const [program, args] = inNetworkOf(process, globalThis.process.execPath, '-e',
    // Whoever looks whether it is within reach hangs up at once, which must not end it.
    `require('net').createServer((s) => s.on('error', () => {}).end('here')).listen(${PORT}, '0.0.0.0', () => console.log('listening'))`);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (text) => { said += text; });
  await until('the listener listens', 5000, () => said.includes('listening'));
  return child;
}

async function pair(w, track) {
  const [codex, wrangler] = [await Attempt.begin(w, 'codex', track), await Attempt.begin(w, 'wrangler', track)];
  await Promise.all([codex.atLoginPage(), wrangler.atLoginPage()]);
  for (const attempt of [codex, wrangler]) {
    await attempt.notice(await attempt.view());
    attempt.agent = attempt.processes.find(({ name }) => name.startsWith('anteroom-guest'));
    attempt.address = addressOf(attempt.agent);
  }
  return [codex, wrangler];
}

function addressOf(process) {
  const [program, args] = inNetworkOf(process, 'ip', '-4', '-j', 'address', 'show', 'scope', 'global');
  return JSON.parse(spawnSync(program, args, { encoding: 'utf8' }).stdout).flatMap((link) => link.addr_info ?? [])[0].local;
}

async function networksAreApart([a, b], w) {
  const child = await listener(b.agent);
  try {
    assert.ok(reaches(b.agent, b.address, PORT), 'the listener answers in its own machine');
    assert.ok(!reaches(a.agent, b.address, PORT), 'the other machine is out of reach');
    assert.ok(reaches(a.agent, w.issuer.place.address, 443), 'the exception is within reach');
    assert.ok(reaches(a.agent, w.net.gateway, w.net.guestPort), 'the controller endpoint is within reach');
    assert.ok(!reaches(a.agent, w.issuer.place.gateway, Number(new URL(w.controller.origin).port)), "the host's other addresses are out of reach");
    assert.ok(!reaches(a.agent, w.net.gateway, Number(new URL(w.controller.origin).port)), "the gateway's other ports are out of reach");
    assert.ok(!reaches(a.agent, '169.254.169.254', 80), 'link-local metadata is out of reach');
    assert.ok(reaches(b.agent, b.address, PORT), 'the listener was there all the time');
  } finally {
    child.kill('SIGKILL');
  }
}

function filesAndProcessesAreApart([a, b]) {
  assert.notEqual(a.agent.uid, b.agent.uid, 'each machine has a host user of its own');
  const file = `/proc/${a.agent.pid}/root/home/user/only-here`;
  writeFileSync(file, 'x');
  chownSync(file, a.agent.uid, a.agent.uid);
  assert.ok(existsSync(file));
  assert.ok(!existsSync(`/proc/${b.agent.pid}/root/home/user/only-here`), "a file of one machine isn't in the other");
  for (const kind of ['pid', 'mnt', 'net', 'ipc', 'uts', 'user']) {
    const spaces = [a, b].map(({ agent }) => readlinkSync(`/proc/${agent.pid}/ns/${kind}`));
    assert.notEqual(spaces[0], spaces[1], `${kind} namespaces`);
    assert.notEqual(spaces[0], readlinkSync(`/proc/self/ns/${kind}`), `${kind} namespace of the host`);
  }
}

async function signalingIsApart([a, b], w) {
  const token = await w.capture.tokenOf(a.address);
  const bearer = { authorization: `Bearer ${token}` };
  const own = await call(w.guestOrigin, 'GET', `/api/webrtc/session/${a.id}/offer?after=0&wait=0`, { headers: bearer });
  assert.equal(own.status, 200, 'a machine token opens its own session');
  const calls = [
    ['GET', `/api/webrtc/session/${b.id}/offer?after=0&wait=0`],
    ['GET', `/api/webrtc/session/${b.id}/candidates/browser?epoch=1&after=0&wait=0`],
    ['POST', `/api/webrtc/session/${b.id}/candidate`, { epoch: 1, candidates: [] }],
  ];
  for (const [method, path, body] of calls) {
    const reply = await call(w.guestOrigin, method, path, { headers: bearer, body });
    assert.equal(reply.status, 404, `${method} ${path.split('?')[0]}: ${reply.status}`);
  }
  for (const path of ['/api/me', '/api/providers', '/api/credentials', `/api/session/${a.id}`]) {
    for (const origin of [w.guestOrigin, w.controller.origin]) {
      const reply = await call(origin, 'GET', path, { headers: bearer });
      assert.ok([401, 403, 404].includes(reply.status), `${origin}${path} with a machine token: ${reply.status}`);
    }
  }
}

export function walls(world) {
  scenario('two sessions at once: networks, files, processes, signaling and credentials are apart', world, async (w, track) => {
    const both = await pair(w, track);
    await networksAreApart(both, w);
    filesAndProcessesAreApart(both);
    await signalingIsApart(both, w);
    await both[0].signIn('ada', ACCOUNTS.ada.password);
    await both[1].signIn('grace', ACCOUNTS.grace.password);
    await Promise.all(both.map((attempt) => attempt.allow()));
    for (const attempt of both) assert.equal((await attempt.ended()).state, 'succeeded');
    for (const [provider, mine, other] of [['codex', 'ada', 'grace'], ['wrangler', 'grace', 'ada']]) {
      const { credential } = await w.person.provider(provider);
      const text = [...opened(w.directory, credential.id).values()].join('\n');
      const tokens = (user) => w.issuer.events.filter((event) => event.kind === 'tokens' && event.user === user).map((event) => event.body.access_token);
      assert.ok(tokens(mine).some((token) => text.includes(token)), `${provider} has ${mine}'s token`);
      assert.ok(!tokens(other).some((token) => text.includes(token)), `${provider} has nothing of ${other}`);
    }
    const tokens = await Promise.all(both.map(({ address }) => w.capture.tokenOf(address)));
    for (const attempt of both) await attempt.machineGone();
    for (const [index, token] of tokens.entries()) {
      const reply = await call(w.guestOrigin, 'GET', `/api/webrtc/session/${both[index].id}/offer?after=0&wait=0`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(reply.status, 401, 'a machine token dies with its machine');
    }
  });
}
