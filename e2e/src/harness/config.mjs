// The configuration of a run's controller: the product's own file, with a network of the run's own, the run's CA, and
// the issuer's names and its one address as the only exception of the wall.
import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { imageTree } from './image.mjs';

/** Two at once is what scenarios need; the rest is room for one that is still going away. */
const MACHINES = 6;

/** What carries the machines' desktops; `ENGINE=webrtcbin` runs everything on the other one. */
const ENGINE = process.env.ENGINE ?? 'str0m';

/** What machines are; `DRIVER=qemu` makes virtual ones, under KVM or emulated as `ACCEL` says (`kvm`, `tcg`). */
const DRIVER = process.env.DRIVER ?? 'sandbox';
const ACCELERATOR = process.env.ACCEL ?? 'auto';

/** A network that no other run on this host has: names and addresses from one number. */
export function network() {
  const number = randomInt(100, 250);
  const letters = Array.from({ length: 3 }, () => String.fromCharCode(97 + randomInt(26))).join('');
  return {
    instance: `end-${letters}`,
    devicePrefix: `e${letters}`,
    runDir: `/run/anteroom-e2e-${letters}`,
    firstUid: 300_000 + number * 1000,
    uids: 256,
    pool: `10.${number}.0.0/24`,
    gateway: `10.${number}.0.1`,
    guestPort: 4001,
  };
}

// TOML's strings, numbers and lists of strings are written as JSON's.
export const table = (name, entries) => `[${name}]\n${Object.entries(entries).map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join('\n')}\n`;
const tables = (name, list) => list.map((entries) => table(`[${name}]`, entries)).join('\n');

function writeAll(directory, texts) {
  mkdirSync(directory, { recursive: true });
  return Object.entries(texts).map(([name, contents]) => {
    const file = path.join(directory, name);
    writeFileSync(file, contents);
    return file;
  });
}

/**
 * Writes the configuration and gives its path.
 * @param {{directory: string, issuer: import('../issuer/index.mjs').Issuer, net: ReturnType<typeof network>, port: number,
 *   files?: {path: string, contents: string, mode: number}[], providers?: Record<string, string>, engine?: string, driver?: string, accelerator?: string, template?: boolean,
 *   page?: Record<string, unknown>, relay?: Record<string, unknown>, image?: string, machines?: Record<string, unknown>, desktop?: {width: number, height: number}, deadlines?: Record<string, number>}} options
 */
export function writeConfig({ directory, issuer, net, port, files = [], providers = {}, page = {}, relay = {}, engine = ENGINE, driver = DRIVER, accelerator = ACCELERATOR, template = true, image = imageTree(), machines = {}, desktop, deadlines = {} }) {
  const providersDirectory = path.join(directory, 'providers');
  writeAll(providersDirectory, Object.fromEntries(Object.entries(providers).map(([id, contents]) => [`${id}.toml`, contents])));
  const sources = writeAll(path.join(directory, 'files'), Object.fromEntries(files.map(({ contents }, index) => [String(index), contents])));
  const added = files.map((file, index) => ({ path: file.path, from: sources[index], mode: file.mode }));
  const { instance, pool, gateway } = net;
  const text = [
    table('', { listen: `127.0.0.1:${port}`, ...page, data_dir: path.join(directory, 'data'), providers_dir: providersDirectory, image }).replace('[]\n', ''),
    table('machines', { driver, accelerator, template, max: MACHINES, per_owner: MACHINES, pool: 0, socket: path.join(directory, 'machined/socket'), run_dir: net.runDir, first_uid: net.firstUid, engine, ...machines }),
    table('machines.additions', { ca_certificates: [path.resolve(issuer.ca)] }),
    tables('machines.additions.hosts', issuer.hosts),
    tables('machines.additions.files', added),
    table('network', { instance, device_prefix: net.devicePrefix, pool, gateway, guest_port: net.guestPort, resolvers: [] }),
    // A port of its own: other runs relay on this host too.
    table('relay', { listen: ['127.0.0.1:0'], ...relay }),
    // Everything that any part would ever say, because the run is searched for secrets.
    table('log', { format: 'text', filter: 'debug' }),
    ...(desktop ? [table('desktop', desktop)] : []),
    table('deadlines', deadlines),
    tables('network.allow', [{ address: issuer.place.address, protocol: 'tcp', port: 443 }]),
  ].join('\n');
  return writeAll(directory, { 'anteroom.toml': text })[0];
}
