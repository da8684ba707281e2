//! Folds a session's events into its view. Pure. The stream may start over at its first event while the view is newer
//! already (it was fetched meanwhile), so nothing ever goes back.

import type { SessionEvent, SessionState, SessionView, Step, StepReached } from "../api/types";

export interface Folded {
  readonly view: SessionView;
  /** The newest epoch that the stream itself has told of: steps of older epochs than the view's don't count. */
  readonly streamEpoch: number;
  readonly lastId: number;
}

/** Steps that belong to an epoch and begin again with the next. */
const EPOCH_STEPS = new Set<Step>(["answer-stored", "ice-connected", "dtls-connected", "frame-decoded"]);

const RANK: Record<SessionState, number> = {
  "waiting-for-offer": 0,
  starting: 1,
  "signing-in": 2,
  saving: 3,
  succeeded: 4,
  failed: 4,
  cancelled: 4,
  "timed-out": 4,
};

/** Whether a state is an end (invariant one-end). */
export function isEnded(state: SessionState): boolean {
  return RANK[state] === 4;
}

export function fold(view: SessionView): Folded {
  return { view, streamEpoch: 0, lastId: 0 };
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
      return { ...next, view: { ...folded.view, state: event.state, ...reason, ...ended } };
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
    case "credential":
      return { ...next, view: { ...folded.view, credential: event.credential } };
  }
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
