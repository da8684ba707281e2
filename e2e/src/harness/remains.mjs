// What machines leave in the host: each kind of thing is looked up by the names that derive from a machine's id and
// from the run's own instance, and by the host uids that only this run's machines have.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { until } from './wait.mjs';

const CGROUPS = '/sys/fs/cgroup';
const GONE_MS = 15_000;

const attempt = (read, otherwise) => {
  try {
    return read();
  } catch {
    return otherwise; // the process or directory went away while it was looked at
  }
};

const output = (command, ...args) =>
  attempt(() => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }), '');

const text = (file) => attempt(() => readFileSync(file, 'utf8'), '');
const list = (directory) => attempt(() => readdirSync(directory, { withFileTypes: true }), []);
const startOf = (pid) => text(`/proc/${pid}/stat`).split(') ')[1]?.split(' ')[19];

function processes() {
  return list('/proc').map((entry) => entry.name).filter((name) => /^\d+$/.test(name)).map((pid) => ({
    pid,
    uid: Number(/^Uid:\t(\d+)/m.exec(text(`/proc/${pid}/status`))?.[1] ?? -1),
    cgroup: text(`/proc/${pid}/cgroup`),
  }));
}

function described({ pid, uid }) {
  const namespace = (kind) => attempt(() => readlinkSync(`/proc/${pid}/ns/${kind}`), '');
  // Its number in each process namespace that it is in: a machine's first process is 1 in the second.
  const isInit = /^NSpid:\t\d+\t1$/m.test(text(`/proc/${pid}/status`));
  return { pid, uid, isInit, start: startOf(pid), name: text(`/proc/${pid}/comm`).trim(), netns: namespace('net'), mntns: namespace('mnt') };
}

export class Remains {
  /** `net` is the run's network: instance, device prefix, run directory and first uid stand in it. */
  constructor(net) {
    this.net = net;
  }

  #isOurs({ uid, cgroup }) {
    return (uid >= this.net.firstUid && uid < this.net.firstUid + this.net.uids) || cgroup.includes(`/${this.net.instance}/`);
  }

  /** Everything of all machines of this run, as words. */
  everything() {
    const { devicePrefix, runDir } = this.net;
    const link = new RegExp(`^${devicePrefix}[0-9a-z]{10}$`);
    const ours = processes().filter((process) => this.#isOurs(process)).map(described);
    const links = JSON.parse(output('ip', '-j', 'link') || '[]').map(({ ifname }) => ifname).filter((name) => link.test(name));
    const mounts = text('/proc/self/mountinfo').split('\n').map((line) => line.split(' ')[4]).filter((place) => place?.startsWith(runDir));
    const elements = [...output('nft', 'list', 'ruleset').matchAll(/"([a-z-]+[0-9a-z]{10})"/g)].map(([, name]) => name).filter((name) => link.test(name));
    return [...new Set([
      ...ours.flatMap(({ pid, name, netns, mntns }) => [`process ${pid} ${name}`, `network namespace ${netns}`, `mount namespace ${mntns}`]),
      ...links.map((name) => `link ${name}`),
      ...mounts.map((place) => `mount ${place}`),
      ...this.#cgroups().map((directory) => `cgroup ${directory}`),
      ...list(runDir).map(({ name }) => `directory ${name}`),
      ...elements.map((name) => `firewall element ${name}`),
    ])];
  }

  #cgroups() {
    const roots = [CGROUPS, ...list(CGROUPS).map(({ name }) => path.join(CGROUPS, name))].map((root) => path.join(root, this.net.instance));
    return roots.filter((root) => existsSync(root)).flatMap((root) => list(root).filter((entry) => entry.isDirectory()).map(({ name }) => path.join(root, name)));
  }

  /** The machine's processes now, each with its start time, so that a number that is used again isn't mistaken. */
  processesOf(machine) {
    return processes().filter(({ cgroup }) => cgroup.includes(machine)).map(described);
  }

  /** What is left of one machine. `known` are its processes, seen while it ran. */
  of(machine, known = []) {
    const names = [machine, `${this.net.devicePrefix}${machine.slice(-10)}`];
    return [
      ...this.everything().filter((thing) => names.some((name) => thing.includes(name))),
      ...[...known, ...this.processesOf(machine)].filter(({ pid, start }) => start && startOf(pid) === start).map(({ pid, name }) => `process ${pid} ${name}`),
    ];
  }

  /** Removes what the run's instance keeps while it has no machine: bridge, table, control groups, directory. */
  removeInstance() {
    output('ip', 'link', 'del', `${this.net.instance}0`);
    output('nft', 'delete', 'table', 'inet', this.net.instance);
    for (const { name } of [{ name: '.' }, ...list(CGROUPS)]) attempt(() => rmdirSync(path.join(CGROUPS, name, this.net.instance)));
    attempt(() => rmdirSync(this.net.runDir));
  }

  /** Waits until nothing is left of a machine. */
  async gone(machine, known) {
    let left = [];
    try {
      await until(`nothing is left of ${machine}`, GONE_MS, () => {
        left = this.of(machine, known);
        return left.length === 0;
      });
    } catch (error) {
      throw new Error(`${error.message}; left: ${left.join(', ')}`, { cause: error });
    }
  }
}
