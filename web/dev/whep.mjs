// The mock controller's view-only connections (WHEP): the viewer's side. The machine's side is in `signaling.mjs`.

import { makeId, Refused } from "./sessions.mjs";

const ANSWER_S = 10;
const ETAG = '"ice-1"';

/** Answers `/api/session/{id}/whep` and `/api/session/{id}/whep/{view}`, as status, headers and text. */
export async function whep(session, id, call) {
  if (session.ended)
    throw new Refused(410, "ended", "The session has ended.", { reason: session.view.reason });
  if (call.method === "POST" && !id) return offered(session, call);
  const view = session.views.get(id);
  if (!view) throw new Refused(404, "not-found", "There is no such view.");
  if (call.method === "PATCH") return patched(session, id, call);
  if (call.method !== "DELETE") throw new Refused(405, "method", "POST, PATCH or DELETE.");
  session.views.delete(id);
  session.viewed(id, { kind: "closed" });
  return { status: 200, text: "" };
}

async function offered(session, { headers, body, signal }) {
  if (headers["content-type"] !== "application/sdp")
    throw new Refused(415, "media-type", "Send application/sdp.");
  if (!session.shows) {
    const refused = new Refused(409, "no-picture-yet", "There is no picture yet.");
    throw Object.assign(refused, { headers: { "Retry-After": "1" } });
  }
  const id = makeId("vie_");
  session.views.set(id, { answer: undefined, patches: 0 });
  session.viewed(id, { kind: "offered", sdp: body });
  const answer = await session.until(() => session.views.get(id)?.answer, ANSWER_S, signal);
  if (!answer) throw new Refused(504, "late", "The machine did not answer.");
  const location = `/api/session/${session.id}/whep/${id}`;
  return { status: 201, text: answer, headers: { Location: location, ETag: ETAG } };
}

function patched(session, id, { headers, body }) {
  if (headers["content-type"] !== "application/trickle-ice-sdpfrag")
    throw new Refused(415, "media-type", "Send application/trickle-ice-sdpfrag.");
  if (!headers["if-match"]) throw new Refused(428, "precondition", "Send If-Match.");
  if (headers["if-match"] !== ETAG) throw new Refused(412, "precondition", "Another ICE session.");
  session.views.get(id).patches += 1;
  const lines = body.split("\r\n").filter((line) => line.startsWith("a=candidate:"));
  const candidates = lines.map((line) => ({ candidate: line.slice("a=".length), sdpMid: "0" }));
  session.viewed(id, { kind: "candidates", candidates });
  return { status: 204, text: "" };
}
