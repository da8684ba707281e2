// One sign-in as a person makes it: from the click on Connect to its end.
import { once } from 'node:events';
import http from 'node:http';
import * as app from './app.mjs';
import { secretsOf } from './viewer.mjs';
import { until } from './wait.mjs';

const STEP_MS = 30_000;
const TERMINAL = new Set(['succeeded', 'failed', 'cancelled', 'timed-out']);

export class Attempt {
  kind = 'session';

  /** Opens a page of its own and clicks Connect, or chooses a method. `track` hears of the attempt before anything can fail. */
  static async begin(world, provider, track = () => undefined, method = undefined) {
    const attempt = await Attempt.open(world, provider, track);
    await attempt.connect(method);
    return attempt;
  }

  /** Opens the page only. */
  static async open(world, provider, track = () => undefined) {
    const attempt = Object.assign(new Attempt(), { world, provider, person: world.person });
    track(attempt);
    return Object.assign(attempt, await world.open());
  }

  /** Clicks Connect, or chooses a method. */
  async connect(method) {
    this.id = await app.connect(this.page, this.provider, method);
    await this.notice(await this.view());
  }

  /** Goes on as the session that an act on the page starts. */
  async becomes(act) {
    this.id = await app.started(this.page, act);
    await this.notice(await this.view());
  }

  view() {
    return this.person.session(this.id);
  }

  /** Waits for a step. */
  async reached(step, deadlineMs = STEP_MS) {
    const view = await until(`${this.provider}: ${step}`, deadlineMs, async () => {
      const view = await this.view();
      if (view.steps.some((reached) => reached.step === step)) return view;
      if (TERMINAL.has(view.state)) throw new Error(`${this.provider} ended before ${step}: ${JSON.stringify(view.reason)}`);
      return undefined;
    });
    await this.notice(view);
    return view;
  }

  /** Remembers the machine and its processes, to see later that they are gone. */
  async notice(view) {
    this.machine = view.machine ?? this.machine;
    if (this.machine) this.processes = this.world.remains.processesOf(this.machine);
  }

  /** The desktop with the issuer's page on it. */
  async atLoginPage() {
    await this.reached('url-opened');
    await this.desktop.sees('userField');
  }

  /** Everything that a person does at the issuer, with their own password. */
  async signIn(user, password, how) {
    this.world.secrets.add('typed password', password);
    await this.desktop.signIn(user, password, how);
  }

  allow() {
    return this.desktop.clickMark('consent');
  }

  /** Waits for the end and gives the last view. */
  async ended(deadlineMs = STEP_MS) {
    return until(`${this.provider} has ended`, deadlineMs, async () => {
      const view = await this.view();
      return TERMINAL.has(view.state) && view;
    });
  }

  /** Waits until nothing of the machine is left, by the session's word and by the host's. */
  async machineGone() {
    if (!this.machine) throw new Error('no machine was noticed in this attempt');
    await until(`${this.provider}: machine-destroyed`, STEP_MS, async () => (await this.view()).steps.some(({ step }) => step === 'machine-destroyed'));
    await this.world.remains.gone(this.machine, this.processes);
  }

  /** The session's events behind the one with number `after`, until `last` is among them. */
  async events(last = (event) => event.step === 'machine-destroyed', after = 0) {
    const request = http.get(`${this.person.origin}/api/session/${this.id}/events`, { headers: { cookie: this.person.cookie, 'last-event-id': String(after) }, timeout: STEP_MS });
    request.on('timeout', () => request.destroy(new Error('the event stream went silent')));
    const [response] = await once(request, 'response');
    const events = [];
    let text = '';
    for await (const piece of response.setEncoding('utf8')) {
      text += piece;
      const blocks = text.split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const data = /^data: ?(.*)$/m.exec(block)?.[1];
        if (data) events.push(JSON.parse(data));
      }
      if (events.some(last)) break;
    }
    request.destroy();
    return events;
  }

  /** Ends what a scenario left open. */
  async finish() {
    if (!this.context) return;
    await this.close().catch(() => undefined);
    if (this.id) await this.person.call('DELETE', `/api/session/${this.id}`).catch(() => undefined);
  }

  /** Notes the page's secrets and closes it. */
  async close() {
    this.world.secrets.add('signaling or cookie', ...(await secretsOf(this)));
    await this.context.close();
  }
}

/** How often the session's events say that it ended. */
export const endings = (events) => events.filter((event) => event.kind === 'state' && TERMINAL.has(event.state)).length;
