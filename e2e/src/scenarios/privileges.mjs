// Who may do what on the host: the part that faces the network can make nothing, the part that makes machines hears no network.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { scenario } from '../harness/scenario.mjs';
import { USER } from '../harness/machined.mjs';

/** CAP_NET_BIND_SERVICE, capabilities(7): the relay may stand on port 443. */
const LISTEN_BELOW_1024 = 1n << 10n;

const status = (pid, name) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1];

/** Inodes of its open sockets. */
function sockets(pid) {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]).filter(Boolean));
}

/** Those of them that belong to a network's address. */
function networked(pid) {
  const own = sockets(pid);
  const tables = ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'].flatMap((name) => readFileSync(`/proc/${pid}/net/${name}`, 'utf8').split('\n').slice(1));
  return tables.filter((line) => own.has(line.trim().split(/\s+/)[9]));
}

export function privileges(world) {
  scenario('the controller is an ordinary user who may only listen on low ports, and the helper of root hears no network', world, async (w) => {
    const [controller, helper] = [w.controller.process.pid, w.machined.process.pid];
    const user = Number(execFileSync('id', ['-u', USER], { encoding: 'utf8' }));
    assert.deepEqual(status(controller, 'Uid').split(/\s+/).map(Number), [user, user, user, user]);
    for (const set of ['CapPrm', 'CapEff', 'CapAmb', 'CapInh']) {
      assert.equal(BigInt(`0x${status(controller, set)}`) & ~LISTEN_BELOW_1024, 0n, set);
    }
    assert.equal(status(controller, 'NoNewPrivs'), '1');
    assert.equal(status(helper, 'Uid').split(/\s+/)[1], '0');
    assert.notEqual(networked(controller).length, 0, 'the look at sockets sees those of the controller');
    assert.deepEqual(networked(helper), []);
  });
}
