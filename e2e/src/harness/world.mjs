// Everything that a run has: issuer, controller, capture of machine tokens, the person's browser. Made once; taken
// down in the opposite order, also when making it failed half way.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Issuer } from '../issuer/index.mjs';
import { TokenCapture } from './capture.mjs';
import { network, writeConfig } from './config.mjs';
import { Controller, freePort } from './controller.mjs';
import { Person } from './http.mjs';
import { MachineLogs } from './logs.mjs';
import { giveToUser, Machined } from './machined.mjs';
import { Remains } from './remains.mjs';
import { Secrets } from './secrets.mjs';
import { Viewer } from './viewer.mjs';
import { until } from './wait.mjs';

const GONE_MS = 20_000;
const OUT = fileURLToPath(new URL('../../out', import.meta.url));

export class World {
  #undo = [];

  /** `options` are those of the configuration, or a function of the page's port that gives them. `viewer` is how the person's browser is started. */
  static async make(options = {}) {
    const world = new World();
    try {
      await world.#make(options);
    } catch (error) {
      await world.end();
      throw error;
    }
    return world;
  }

  async #make(options) {
    mkdirSync(OUT, { recursive: true });
    this.directory = mkdtempSync(path.join(os.tmpdir(), 'anteroom-e2e-'));
    this.#undo.push(() => rmSync(this.directory, { recursive: true, force: true }));
    this.secrets = new Secrets();
    this.issuer = await Issuer.start(path.join(this.directory, 'issuer'));
    this.#undo.push(() => this.issuer.stop());
    this.net = network();
    this.remains = new Remains(this.net);
    const port = await freePort();
    const { viewer = () => Viewer.start(), ...settings } = typeof options === 'function' ? options(port, this.directory) : options;
    const config = writeConfig({ directory: this.directory, issuer: this.issuer, net: this.net, port, ...settings });
    this.capture = await TokenCapture.start(this.net.pool, this.net.guestPort);
    this.#undo.push(() => this.capture.stop());
    this.machineLogs = new MachineLogs(this.net.runDir);
    this.#undo.push(() => this.machineLogs.stop());
    this.controller = await this.#serve(config, port);
    this.viewer = await viewer();
    this.#undo.push(() => this.viewer.stop());
    this.person = await Person.open(this.controller.link);
  }

  async #serve(config, port) {
    const controller = new Controller(config, `http://127.0.0.1:${port}`, path.join(OUT, 'controller.log'));
    giveToUser(this.directory);
    this.machined = new Machined(config, path.join(OUT, 'machined.log'));
    this.#undo.push(() => this.remains.removeInstance(), () => this.machined.stop());
    await this.machined.start();
    this.#undo.push(() => controller.stop(), () => this.endSessions());
    this.secrets.addLink = (link) => this.secrets.add('one-time link', new URL(link).searchParams.get('token'));
    await controller.start();
    this.secrets.addLink(controller.link);
    return controller;
  }

  /** A person's page with a profile of its own. */
  async open() {
    const link = await this.controller.newLink();
    this.secrets.addLink(link);
    return this.viewer.open(this.origin ? link.replace(/^http:\/\/[^/]+/, this.origin) : link);
  }

  /** Ends what still runs: a controller that stops leaves its machines for its next start. */
  async endSessions() {
    if (!this.person || this.controller.ended) return;
    const { providers } = await this.person.get('/api/providers');
    for (const { session } of providers.filter(({ session }) => session)) await this.person.call('DELETE', `/api/session/${session.sessionId}`);
    const { runs } = await this.person.get('/api/runs');
    for (const { runId } of runs.filter(({ state }) => state !== 'ended')) await this.person.call('DELETE', `/api/runs/${runId}`);
    await until('no machine is left', GONE_MS, () => this.remains.everything().length === 0);
  }

  /** Where guests call, as the host reaches it. */
  get guestOrigin() {
    return `http://${this.net.gateway}:${this.net.guestPort}`;
  }

  async end() {
    for (const undo of this.#undo.reverse()) {
      try {
        await undo();
      } catch (error) {
        console.error('while clearing up:', error);
      }
    }
    this.#undo = [];
  }
}
