// The mock controller's signaling calls, of both sides: page and machine. Each takes a session and a call, and gives a
// body or nothing (204).

import { Refused } from "./sessions.mjs";

const CALLS = {
  "POST offer": (session, { body }) => ({
    status: 201,
    body: { epoch: session.offer(body.offer, body.candidates, body.after) },
  }),
  "GET offer": readOffer,
  "POST answer": (session, { body }) => {
    session.answer(body.epoch, body.answer, body.candidates);
    return { status: 201, body: {} };
  },
  "GET answer": readAnswer,
  "POST candidate": (session, { body, isGuest }) => {
    const side = isGuest ? "vm" : "browser";
    session.candidates(body.epoch, side, body.candidates);
    return { body: log(session, body.epoch, side, 0) };
  },
  "GET candidates/vm": (session, call) => readCandidates(session, call, "vm"),
  "GET candidates/browser": (session, call) => readCandidates(session, call, "browser"),
  "POST connection": (session, { body }) => session.report(body),
  // The machine's side of view-only connections; `whep.mjs` has the viewer's.
  "GET views": readViews,
  "POST view": (session, { body }) => {
    session.views.get(body.view).answer = body.answer;
    session.viewed(body.view, { kind: "answered" });
    return { body: {} };
  },
};

export async function signal(session, rest, call) {
  const known = CALLS[`${call.method} ${rest}`];
  if (!known) throw new Refused(404, "not-found", "There is no such call.");
  return (await known(session, call)) ?? { status: 204 };
}

const number = (call, name) => Number(call.query.get(name) ?? 0);

async function readOffer(session, call) {
  const after = number(call, "after");
  const look = () => (session.ended || session.view.epoch > after ? session.view.epoch : undefined);
  const epoch = await session.until(look, number(call, "wait"), call.signal);
  if (epoch === undefined) return undefined;
  const { offer, browser } = session.epoch(epoch);
  return { body: { offer, candidates: browser, epoch } };
}

async function readViews(session, call) {
  session.shows = true;
  const rest = () => session.viewLog.slice(number(call, "after"));
  const some = () => (session.ended || rest().length > 0 ? rest() : undefined);
  const entries = await session.until(some, number(call, "wait"), call.signal);
  return entries && { body: { entries, next: session.viewLog.length } };
}

async function readAnswer(session, call) {
  const epoch = number(call, "epoch");
  const answer = await session.until(() => session.epoch(epoch).answer, number(call, "wait"), call.signal);
  return answer && { body: { answer, candidates: session.epoch(epoch).vm, epoch } };
}

async function readCandidates(session, call, side) {
  const read = () => log(session, number(call, "epoch"), side, number(call, "after"));
  const some = () => (read().candidates.length > 0 ? read() : undefined);
  const body = await session.until(some, number(call, "wait"), call.signal);
  return body && { body };
}

function log(session, epoch, side, after) {
  const all = session.epoch(epoch)[side];
  return {
    candidates: all.filter(({ seq }) => seq > after),
    next: all.length,
    complete: all.at(-1)?.candidate === "",
  };
}
