// Plays the machine in a second browser page: answers each epoch with a canvas for a desktop, and notes what is typed.
// `?session=ID&mode=MODE`; the modes are the ways in which a machine can go wrong.

const query = new URLSearchParams(location.search);
const session = query.get("session");
const base = `/api/webrtc/session/${session}`;
const desktop = { width: 1280, height: 720 };

/** What tests read and change. */
const guest = {
  mode: query.get("mode") ?? "good",
  received: [],
  epochs: [],
  connection: undefined,
  /** How many view-only connections there were. */
  views: 0,
  /** Ends the present connection, as a guest that dies does. */
  hangUp: () => guest.connection?.close(),
  /** The same for all that only view. */
  hangUpViews: () => {
    for (const connection of views.values()) connection.close();
  },
};
globalThis.guest = guest;

const canvas = document.createElement("canvas");
Object.assign(canvas, desktop);
document.body.append(canvas);
const pointer = { x: 640, y: 360 };
let typed = "";

function draw(time) {
  const paint = canvas.getContext("2d");
  paint.fillStyle = "#2d3440";
  paint.fillRect(0, 0, 1280, 720);
  paint.fillStyle = "#dfe3e9";
  paint.fillRect(140, 60, 1000, 600);
  paint.fillStyle = "#f8f9fb";
  paint.fillRect(140, 110, 1000, 550);
  paint.fillStyle = "#fff";
  paint.fillRect(260, 74, 760, 24);
  paint.fillStyle = "#555f6d";
  paint.font = "14px sans-serif";
  paint.fillText("auth.example.test/oauth/authorize?response_type=code", 276, 91);
  paint.fillStyle = "#16191d";
  paint.font = "600 28px sans-serif";
  paint.fillText("Sign in to continue", 508, 260);
  paint.strokeStyle = "#b8c0cb";
  paint.lineWidth = 2;
  paint.strokeRect(480, 300, 320, 46);
  paint.fillStyle = "#16191d";
  paint.font = "18px sans-serif";
  paint.fillText(typed.slice(-30) + (time % 1000 < 500 ? "|" : ""), 496, 330);
  paint.fillStyle = "#22543d";
  paint.fillRect(480, 366, 320, 46);
  paint.fillStyle = "#fff";
  paint.fillText("Continue", 602, 395);
  paint.fillStyle = "#000";
  paint.beginPath();
  paint.moveTo(pointer.x, pointer.y);
  paint.lineTo(pointer.x, pointer.y + 19);
  paint.lineTo(pointer.x + 13, pointer.y + 13);
  paint.fill();
}
setInterval(() => draw(performance.now()), 33);

/** As a guest agent does: a controller that is away for a moment is asked again. */
async function ask(path) {
  for (;;) {
    const response = await call("GET", path).catch(() => undefined);
    if (response) return response;
    await new Promise((done) => setTimeout(done, 100));
  }
}

function call(method, path, body) {
  const headers = { Authorization: "Bearer guest", "Content-Type": "application/json" };
  return fetch(base + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

function hear(channel, message) {
  if (message.t === "ping") return channel.send(JSON.stringify({ t: "pong", id: message.id }));
  guest.received.push({ channel: channel.label, ...message });
  if (message.x !== undefined) Object.assign(pointer, { x: message.x, y: message.y });
  if (message.t === "text") typed += message.text;
  if (message.t === "key" && message.down && message.key.length === 1) typed += message.key;
}

function listen(connection) {
  connection.addEventListener("datachannel", ({ channel }) => {
    channel.addEventListener("message", ({ data }) => hear(channel, JSON.parse(data)));
    const hello = () =>
      channel.label === "input" && channel.send(JSON.stringify({ t: "desktop", ...desktop }));
    if (channel.readyState === "open") hello();
    else channel.addEventListener("open", hello);
  });
}

/** An offer of a connection that nobody else has: its answer fits no other (failure 6). */
async function foreignOffer() {
  const other = new RTCPeerConnection();
  other.addTransceiver("video", { direction: "recvonly" });
  other.createDataChannel("input");
  guest.foreign = other;
  await other.setLocalDescription(await other.createOffer());
  return other.localDescription;
}

async function answer({ offer, candidates, epoch }) {
  guest.connection?.close();
  const mode = guest.mode;
  guest.epochs.push({ epoch, mode });
  if (mode === "silent") return;
  const connection = new RTCPeerConnection();
  guest.connection = connection;
  listen(connection);
  connection.addEventListener("icecandidate", ({ candidate }) => {
    const line = candidate?.candidate ? candidate.toJSON() : { candidate: "" };
    void call("POST", "/candidate", { epoch, candidates: [line] });
  });
  await connection.setRemoteDescription(mode === "foreign" ? await foreignOffer() : offer);
  if (mode !== "no-frame") connection.addTrack(canvas.captureStream(30).getVideoTracks()[0]);
  const made = await connection.createAnswer();
  // Before the local description is set no candidate is known; the answer must be stored before they are sent.
  const sdp = mode === "no-dtls" ? made.sdp.replaceAll("a=setup:active", "a=setup:passive") : made.sdp;
  await call("POST", "/answer", {
    answer: { type: "answer", sdp },
    candidates: [],
    epoch,
    offerDigest: "mock",
  });
  await connection.setLocalDescription(made);
  if (mode !== "foreign")
    for (const candidate of candidates) if (candidate.candidate) void connection.addIceCandidate(candidate);
  void follow(connection, epoch, candidates.length);
}

async function follow(connection, epoch, after) {
  let next = after;
  while (connection.signalingState !== "closed") {
    const response = await ask(`/candidates/browser?epoch=${epoch}&after=${next}&wait=20`);
    if (response.status === 204) continue;
    if (!response.ok) return;
    const log = await response.json();
    for (const candidate of log.candidates) {
      if (candidate.candidate) await connection.addIceCandidate(candidate).catch(() => undefined);
    }
    if (log.complete) return;
    next = log.next;
  }
}

/** View-only connections: any number beside the one that types. */
const views = new Map();

async function view({ view: id, kind, sdp, candidates }) {
  if (kind === "closed") views.get(id)?.close();
  if (kind === "candidates")
    for (const candidate of candidates)
      await views
        .get(id)
        ?.addIceCandidate(candidate)
        .catch(() => undefined);
  if (kind !== "offered") return;
  const connection = new RTCPeerConnection();
  views.set(id, connection);
  guest.views = views.size;
  await connection.setRemoteDescription({ type: "offer", sdp });
  connection.addTrack(canvas.captureStream(30).getVideoTracks()[0]);
  await connection.setLocalDescription(await connection.createAnswer());
  await new Promise((done) => {
    const look = () => connection.iceGatheringState === "complete" && done();
    connection.addEventListener("icegatheringstatechange", look);
    look();
  });
  await call("POST", "/view", { view: id, answer: connection.localDescription.sdp });
}

async function show() {
  let after = 0;
  for (;;) {
    const response = await ask(`/views?after=${after}&wait=20`);
    if (response.status === 410) return;
    if (response.status !== 200) continue;
    const log = await response.json();
    after = log.next;
    for (const entry of log.entries) await view(entry);
  }
}

async function serve() {
  // `after` for a machine whose agent starts again: what it has answered is not to be answered twice.
  let epoch = Number(query.get("after") ?? 0);
  for (;;) {
    const response = await ask(`/offer?after=${epoch}&wait=20`);
    if (response.status === 410) return;
    if (response.status !== 200) continue;
    const offered = await response.json();
    epoch = offered.epoch;
    await answer(offered);
  }
}

void serve();
void show();
