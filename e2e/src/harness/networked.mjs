// A world whose person sits behind a router: the server listens on all addresses, with names, a relay and a certificate,
// as an operator would set it up for others.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeAuthority } from '../issuer/authority.mjs';
import { FILES, PROVIDERS } from '../scenarios/providers.mjs';
import { freePort } from './controller.mjs';
import { giveToUser } from './machined.mjs';
import { Networks, PAGE, RELAY } from './networks.mjs';
import { Viewer } from './viewer.mjs';
import { World } from './world.mjs';

/** The one port that the strictest networks let out. */
export const HTTPS = 443;

export class NetworkedWorld {
  static async make({ engine } = {}) {
    const made = new NetworkedWorld();
    made.engine = engine;
    made.directory = mkdtempSync(path.join(os.tmpdir(), 'anteroom-networks-'));
    made.networks = new Networks(made.directory);
    made.relayPort = await freePort();
    try {
      await made.networks.make().route({});
      made.world = await World.make((port) => made.#options(port));
    } catch (error) {
      await made.end();
      throw error;
    }
    made.world.networks = made.networks;
    return made;
  }

  #options(port) {
    const { server } = this.networks;
    this.port = port;
    const { certificate, key } = makeAuthority(this.directory, [RELAY]);
    giveToUser(this.directory);
    const hosts = [`${PAGE}:${port}`, `${PAGE}:${HTTPS}`, PAGE];
    return {
      providers: PROVIDERS,
      files: FILES,
      engine: this.engine,
      page: { listen: `[::]:${port}`, allowed_hosts: hosts },
      relay: {
        listen: [`0.0.0.0:${this.relayPort}`, `[::]:${this.relayPort}`], tls_listen: [`${server.second}:${HTTPS}`], certificate, key, public_host: RELAY,
      },
      viewer: () => Viewer.start((program) => this.networks.browser(program), ['--ignore-certificate-errors']),
    };
  }

  /** The page as this viewer reaches it. */
  at(port = this.port) {
    this.world.origin = `http://${PAGE}:${port}`;
    return this.world;
  }

  async end() {
    await this.world?.end();
    this.networks.end();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
