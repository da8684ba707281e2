// A small internet for one run: a viewer's network behind a router, and the server on the other side of it. Everything
// is in namespaces that are made here; the only thing on the host is one link with addresses of the run's own.
//
//   host (server) 198.18.N.1, .2, fd18:N::1 ── router ── 192.168.N.2, fd19:N::2 viewer
import { execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from './wait.mjs';

/** The page's and the relay's names; which addresses they have differs from viewer to viewer. */
export const PAGE = 'anteroom.test';
export const RELAY = 'turn.anteroom.test';
/** For the 1:1 translation: an address that nobody has. */
const TRANSLATED = '203.0.113.100';
const NAMES_MS = 10_000;

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });

export class Networks {
  #undo = [];
  /** Port 53 of the viewer's name server, fd19:N::1, as proc(5) has it in net/udp6: words of 32 bits of a little-endian host. */
  #resolver;

  constructor(directory) {
    const number = randomInt(16, 255);
    const letters = Array.from({ length: 4 }, () => String.fromCharCode(97 + randomInt(26))).join('');
    const hex = number.toString(16);
    this.#resolver = new RegExp(`: ${hex.toUpperCase()}0019FD000000000000000001000000:0035 `);
    Object.assign(this, {
      directory,
      router: `r-${letters}`,
      viewer: `v-${letters}`,
      link: `x${letters}`,
      server: { v4: `198.18.${number}.1`, second: `198.18.${number}.2`, v6: `fd18:${hex}::1`, translated: TRANSLATED },
      number,
      hex,
    });
  }

  make() {
    const { router, viewer, link, server, number, hex } = this;
    for (const name of [router, viewer]) {
      ip('netns', 'add', name);
      this.#undo.push(() => ip('netns', 'del', name));
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    this.#undo.push(() => rmSync(`/etc/netns/${viewer}`, { recursive: true, force: true }));
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'out', 'netns', router);
    ip('-n', router, 'link', 'add', 'in', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', viewer);
    for (const address of [`${server.v4}/24`, `${server.second}/24`]) ip('address', 'add', address, 'dev', link);
    ip('address', 'add', `${server.v6}/64`, 'dev', link, 'nodad');
    ip('link', 'set', link, 'up');
    this.#address(router, 'out', `198.18.${number}.254/24`, `fd18:${hex}::fe/64`);
    this.#address(router, 'in', `192.168.${number}.1/24`, `fd19:${hex}::1/64`);
    this.#address(viewer, 'eth0', `192.168.${number}.2/24`, `fd19:${hex}::2/64`);
    ip('-n', viewer, 'route', 'add', 'default', 'via', `192.168.${number}.1`);
    ip('-n', viewer, '-6', 'route', 'add', 'default', 'via', `fd19:${hex}::1`);
    mkdirSync(`/etc/netns/${viewer}`, { recursive: true });
    writeFileSync(`/etc/netns/${viewer}/resolv.conf`, `nameserver fd19:${hex}::1\n`);
    ip('-6', 'route', 'add', `fd19:${hex}::/64`, 'via', `fd18:${hex}::fe`);
    this.in(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    return this;
  }

  #address(namespace, device, ...addresses) {
    for (const address of addresses) ip('-n', namespace, 'address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : []));
    ip('-n', namespace, 'link', 'set', device, 'up');
  }

  /** Runs a program in a namespace to its end. */
  in(namespace, ...command) {
    return execFileSync('ip', ['netns', 'exec', namespace, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /**
   * What the router does from now on, in nftables' words; what viewers resolve names to.
   * @param {{forward?: string[], prerouting?: string[], translation?: string, hosts?: Record<string, string>}} rules
   */
  async route({ forward = [], prerouting = [], translation = 'masquerade', hosts = {} }) {
    const lines = (list) => list.map((line) => `    ${line}\n`).join('');
    const text = `table inet ways
delete table inet ways
table inet ways {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
${lines(prerouting)}  }
  chain forward {
    type filter hook forward priority filter; policy accept;
${lines(forward)}  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "out" meta nfproto ipv4 ${translation}
  }
}
`;
    const file = path.join(this.directory, 'ways.nft');
    writeFileSync(file, text);
    this.in(this.router, 'nft', '-f', file);
    await this.#name({ [PAGE]: this.server.v4, [RELAY]: this.server.v4, ...hosts });
  }

  /** Names resolve to these addresses from now on: who served before has left the port, and who serves now has it. */
  async #name(hosts) {
    await this.#unname();
    const records = Object.entries(hosts).map(([name, address]) => `--host-record=${name},${address}`);
    this.names = spawn('ip', ['netns', 'exec', this.router, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv',
      '--no-hosts', '--pid-file=', '--user=root', '--interface=in', '--bind-interfaces', '--local=/test/', '--local-ttl=1', ...records], { stdio: 'ignore' });
    const { names } = this;
    await until('names are served', NAMES_MS, () => {
      if (names.exitCode !== null) throw new Error(`dnsmasq ended with ${names.exitCode}`);
      return this.#resolver.test(readFileSync(`/proc/${names.pid}/net/udp6`, 'utf8'));
    });
  }

  async #unname() {
    const { names } = this;
    if (!names || names.exitCode !== null || names.signalCode !== null) return;
    const ended = once(names, 'exit');
    names.kill('SIGKILL');
    await ended;
  }

  /** Takes the viewer's IPv4 away, or gives it back. */
  onlyIpv6(only) {
    const { viewer, number } = this;
    ip('-n', viewer, 'address', only ? 'del' : 'add', `192.168.${number}.2/24`, 'dev', 'eth0');
    if (!only) ip('-n', viewer, 'route', 'add', 'default', 'via', `192.168.${number}.1`);
  }

  /** A program that runs another one in the viewer's network. */
  browser(program) {
    const file = path.join(this.directory, 'browser');
    writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${this.viewer} ${program} "$@"\n`);
    chmodSync(file, 0o755);
    return file;
  }

  end() {
    this.names?.kill('SIGKILL');
    for (const undo of this.#undo.reverse()) undo();
    this.#undo = [];
  }
}
