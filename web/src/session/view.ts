//! Folds a session's events into its view. Pure. The stream may start over at its first event while the view is newer
//! already (it was fetched meanwhile), so nothing ever goes back.

import type { SessionEvent, SessionState, SessionView, Step, StepReached } from "../api/types";

export interface Folded {
  readonly view: SessionView;
  /** The newest epoch that the stream itself has told of: steps of older epochs than the view's don't count. */
  readonly streamEpoch: number;
  readonly lastId: number;
  /** It has, or has had, a machine: one that waits for a place and ends has none to be destroyed. */
  readonly hadMachine: boolean;
}

/** States in which a session has a machine. */
const WITH_MACHINE = new Set<SessionState>(["starting", "signing-in", "saving"]);

/** Steps that belong to an epoch and begin again with the next. */
const EPOCH_STEPS = new Set<Step>(["answer-stored", "ice-connected", "dtls-connected", "frame-decoded"]);

const RANK: Record<SessionState, number> = {
  "waiting-for-offer": 0,
  queued: 1,
  starting: 2,
  "signing-in": 3,
  saving: 4,
  succeeded: 5,
  failed: 5,
  cancelled: 5,
  "timed-out": 5,
};

/** Whether a state is an end (invariant one-end). */
export function isEnded(state: SessionState): boolean {
  return RANK[state] === 5;
}

export function fold(view: SessionView): Folded {
  const hadMachine = view.machine != null || WITH_MACHINE.has(view.state);
  return { view, streamEpoch: 0, lastId: 0, hadMachine };
}

/** The view after an event. Events that were applied before change nothing. */
export function apply(folded: Folded, event: SessionEvent): Folded {
  if (event.id <= folded.lastId) return folded;
  const next = { ...folded, lastId: event.id };
  switch (event.kind) {
    case "state": {
      if (RANK[event.state] <= RANK[folded.view.state]) return next;
      const ended = isEnded(event.state) ? { endedAt: event.at } : {};
      const reason = event.reason ? { reason: event.reason } : {};
      // A deadline is its state's.
      const { ahead: _, deadlineAt: __, ...view } = folded.view;
      const hadMachine = folded.hadMachine || WITH_MACHINE.has(event.state);
      return { ...next, hadMachine, view: { ...view, state: event.state, ...reason, ...ended } };
    }
    case "step":
      return { ...next, view: withStep(folded, { step: event.step, at: event.at }) };
    case "epoch":
      return { ...next, streamEpoch: event.epoch, view: withEpoch(folded.view, event.epoch) };
    case "answer":
      return next;
    case "trouble":
      if (event.epoch !== folded.view.epoch) return next;
      return { ...next, view: { ...folded.view, trouble: event.trouble } };
    case "url":
      return { ...next, view: { ...folded.view, loginUrl: event.loginUrl } };
    case "device-code":
      return { ...next, view: { ...folded.view, deviceCode: event.deviceCode } };
    case "pasted": {
      if (event.count <= folded.view.pasted) return next;
      // What was said of the last text does not hold of this one.
      const { pasteRefused: _, ...view } = folded.view;
      return { ...next, view: { ...view, pasted: event.count } };
    }
    case "paste-refused":
      return { ...next, view: { ...folded.view, pasteRefused: event.detail } };
    case "credential":
      return { ...next, view: { ...folded.view, credential: event.credential } };
  }
}

/** The view when the stream has told where the session stands, while it waits for a place. */
export function placed(folded: Folded, ahead: number): Folded {
  return folded.view.state === "queued" ? { ...folded, view: { ...folded.view, ahead } } : folded;
}

/** The view with a deadline that was asked for after its state had changed, unless that has changed again. */
export function withDeadline(folded: Folded, fresh: SessionView): Folded {
  if (fresh.state !== folded.view.state || fresh.deadlineAt == null) return folded;
  return { ...folded, view: { ...folded.view, deadlineAt: fresh.deadlineAt } };
}

/** Nothing more is to be heard: the session has ended and its machine, if there was one, is gone. */
export function isOver({ view, hadMachine }: Folded): boolean {
  return isEnded(view.state) && (!hadMachine || view.steps.some(({ step }) => step === "machine-destroyed"));
}

function withEpoch(old: SessionView, epoch: number): SessionView {
  if (epoch <= old.epoch) return old;
  const { trouble: _, ...view } = old;
  return {
    ...view,
    epoch,
    connection: "new",
    steps: view.steps.filter(({ step }) => !EPOCH_STEPS.has(step)),
  };
}

function withStep({ view, streamEpoch }: Folded, reached: StepReached): SessionView {
  const isOfOldEpoch = EPOCH_STEPS.has(reached.step) && streamEpoch < view.epoch;
  if (isOfOldEpoch || view.steps.some(({ step }) => step === reached.step)) return view;
  return { ...view, steps: [...view.steps, reached] };
}
