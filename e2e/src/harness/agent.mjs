// An agent: the Model Context Protocol's own client, with `anteroom mcp` as its server.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { binary } from './controller.mjs';
import { until } from './wait.mjs';

/** A run has a machine to start, and a busy host. */
const ANSWERS_MS = 120_000;
const ENDS_MS = 10_000;

export class Agent {
  kind = 'agent';
  /** Everything that the server has told, and what came between that is no message of the protocol. */
  told = '';
  strays = [];
  /** What the server says beside. */
  said = '';

  /** Starts the server with these words, and greets it; `home` is where it finds a login. */
  static async start(home, words, track = () => undefined) {
    const agent = new Agent();
    track(agent);
    agent.client = new Client({ name: 'anteroom-e2e', version: '0' });
    const env = { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, LANG: 'C.UTF-8' };
    agent.transport = new StdioClientTransport({ command: binary(), args: ['mcp', ...words], env, stderr: 'pipe' });
    agent.transport.onerror = (error) => agent.strays.push(error.message);
    agent.transport.stderr.setEncoding('utf8').on('data', (text) => { agent.said += text; });
    // The client adds its own to these.
    agent.transport.onmessage = (message) => { agent.told += JSON.stringify(message); };
    await agent.client.connect(agent.transport);
    return agent;
  }

  #call(name, words, options) {
    return this.client.callTool({ name, arguments: words }, undefined, { timeout: ANSWERS_MS, ...options });
  }

  /** Calls a tool; gives what it answers. */
  async does(name, words = {}, options = {}) {
    const { isError, content, structuredContent } = await this.#call(name, words, options);
    if (isError) throw new Error(`${name} was refused: ${content[0]?.text}`);
    return structuredContent;
  }

  /** Calls a tool that says no; gives its words. */
  async isRefused(name, words = {}) {
    const { isError, content } = await this.#call(name, words);
    if (!isError) throw new Error(`${name} was not refused`);
    return content.map(({ text }) => text).join('\n');
  }

  /** Leaves, as an agent does that ends; waits until the server has ended too. */
  async leave() {
    const { pid } = this.transport;
    await this.client.close();
    if (pid) await until('the server has ended', ENDS_MS, () => !isThere(pid));
  }

  finish() {
    return this.client.close();
  }
}

function isThere(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
