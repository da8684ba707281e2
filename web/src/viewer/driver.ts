//! Runs `machine.ts` for one owner: keeps the state, arms the deadline of the present phase, hands out the effects. It
//! opens nothing itself.

import { deadline, type Effect, type Event, initial, isOver, type State, step } from "./machine";

export interface DriverOptions {
  carryOut(effect: Effect): void;
  /** The state is another one, and its effects were carried out. */
  changed(): void;
  /** Nothing can happen any more. */
  over(): void;
  /** A deadline of the owner's own for a state; otherwise the machine's. */
  deadline?(state: State): number | undefined;
}

export class Driver {
  readonly #options: DriverOptions;
  #state: State = initial;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: DriverOptions) {
    this.#options = options;
  }

  get state(): State {
    return this.#state;
  }

  handle(event: Event): void {
    const before = this.#state;
    const { state, effects } = step(before, event);
    this.#state = state;
    if (state.phase !== before.phase || this.#deadline(state) !== this.#deadline(before)) this.#arm();
    for (const effect of effects) this.#options.carryOut(effect);
    if (isOver(state)) {
      clearTimeout(this.#timer);
      this.#options.over();
    }
    this.#options.changed();
  }

  #deadline(state: State): number | undefined {
    return this.#options.deadline?.(state) ?? deadline(state);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const ms = this.#deadline(this.#state);
    this.#timer = ms === undefined ? undefined : setTimeout(() => this.handle({ type: "deadline" }), ms);
  }
}
