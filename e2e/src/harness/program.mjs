// A program with a personal token, which its owner has made on the server's host.
import { call } from './http.mjs';

/** Tokens that were made: each has a name of its own. */
let made = 0;

export class Program {
  /** With a token that opens these scopes. */
  static async make(world, ...scopes) {
    const program = Object.assign(new Program(), { world, name: `program ${(made += 1)}` });
    program.token = (await world.controller.command('token', '--name', program.name, ...scopes.flatMap((scope) => ['--scope', scope]))).trim();
    world.secrets.add('personal token', program.token);
    return program;
  }

  call(method, path, options = {}) {
    return call(this.world.controller.origin, method, path, { ...options, headers: { authorization: `Bearer ${this.token}` } });
  }

  /** The token as its owner sees it. */
  async view() {
    const { tokens } = await this.world.person.get('/api/tokens');
    return tokens.find(({ name }) => name === this.name);
  }

  /** Its owner revokes the token. */
  async revoke() {
    const { id } = await this.view();
    const { status, text } = await this.world.person.call('DELETE', `/api/tokens/${id}`);
    if (status !== 204) throw new Error(`revoking a token was answered with ${status}: ${text}`);
  }
}
