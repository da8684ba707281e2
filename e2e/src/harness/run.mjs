// One run of a connected CLI: asked for, looked at, used by its terminal, stopped.
import { RunTerminal, SIZE } from './terminal.mjs';
import { until } from './wait.mjs';

/** A machine is made in 40 ms; the slowest CLI starts in some seconds on a busy host. */
const STEP_MS = 30_000;

export class Run {
  kind = 'run';
  terminals = [];

  constructor(world, runId) {
    this.world = world;
    this.person = world.person;
    this.id = runId;
  }

  /** The reply to the wish for a run. */
  static ask(world, provider, { words = [], size = SIZE, takeOver } = {}) {
    return world.person.call('POST', '/api/runs', { body: { provider, arguments: words, ...size, ...(takeOver ? { takeOver } : {}) } });
  }

  /** Begins one with these further words on its command line. */
  static async begin(world, provider, track, options) {
    const reply = await Run.ask(world, provider, options);
    if (reply.status !== 201) throw new Error(`a run of ${provider} was answered with ${reply.status}: ${reply.text}`);
    const run = new Run(world, reply.json.runId);
    track(run);
    return run;
  }

  view() {
    return this.person.get(`/api/runs/${this.id}`);
  }

  /** Waits until its state is this one, or one behind it. */
  async reached(wanted, deadlineMs = STEP_MS) {
    const states = ['queued', 'starting', 'running', 'saving', 'ended'];
    let view;
    try {
      return await until(`the run is ${wanted}`, deadlineMs, async () => {
        view = await this.view();
        return states.indexOf(view.state) >= states.indexOf(wanted) && view;
      });
    } catch (error) {
      throw new Error(`${error.message}; it is ${JSON.stringify(view)}`, { cause: error });
    }
  }

  ended(deadlineMs) {
    return this.reached('ended', deadlineMs);
  }

  /** A terminal of it. */
  async terminal(options) {
    const terminal = await RunTerminal.open(this.person, this.id, options);
    this.terminals.push(terminal);
    return terminal;
  }

  /** A terminal whose shell waits for a command. */
  async shell(options) {
    const terminal = await this.terminal({ isPublic: true, ...options });
    await terminal.shows(/^ready>/);
    return terminal;
  }

  /** Its machine, as whoever runs the server sees it. */
  async noticeMachine() {
    const { machines } = JSON.parse(await this.world.controller.command('machines', 'list', '--json'));
    this.machine = machines.find(({ session }) => session === this.id)?.id;
    if (!this.machine) throw new Error(`the run ${this.id} has no machine`);
    return this.machine;
  }

  /** What its terminals show that may be told, to explain a failure. */
  get said() {
    return this.terminals.filter(({ isPublic }) => isPublic).map((terminal) => ({ lines: terminal.lines(), exitCode: terminal.exitCode, closed: terminal.closed }));
  }

  stop() {
    return this.person.call('DELETE', `/api/runs/${this.id}`);
  }

  /** Ends what a scenario left. */
  async finish() {
    await this.stop().catch(() => undefined);
    await this.ended().catch(() => undefined);
    for (const terminal of this.terminals) terminal.close();
  }
}

/** The credential of a provider, as the list of them has it. */
export async function credentialOf(world, provider) {
  const { credentials } = await world.person.get('/api/credentials');
  return credentials.find((credential) => credential.provider === provider);
}
