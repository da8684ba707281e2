// A viewer's RTCPeerConnection in a bare page, for what the product's page would never do: close it too early, offer
// twice, answer for somebody else.

/** A page with nothing in it. */
export async function barePage(viewer) {
  const context = await viewer.browser.newContext();
  const page = await context.newPage();
  await page.evaluate(() => {
    globalThis.peers = [];
  });
  return page;
}

/** A new connection with video and both channels; gives its number and its offer, complete with candidates. */
export function offer(page, { codecs } = {}) {
  return page.evaluate(async (wanted) => {
    const peer = new RTCPeerConnection();
    const transceiver = peer.addTransceiver('video', { direction: 'recvonly' });
    if (wanted) {
      const all = RTCRtpReceiver.getCapabilities('video').codecs;
      transceiver.setCodecPreferences(all.filter(({ mimeType }) => wanted.includes(mimeType)));
    }
    peer.createDataChannel('input');
    peer.createDataChannel('motion', { ordered: false, maxRetransmits: 0 });
    const entry = { peer, candidates: [], frames: 0, states: [] };
    peer.onicecandidate = ({ candidate }) => candidate && entry.candidates.push(candidate.toJSON());
    peer.onconnectionstatechange = () => entry.states.push(peer.connectionState);
    peer.ontrack = ({ track }) => {
      const video = document.createElement('video');
      video.muted = true;
      video.srcObject = new MediaStream([track]);
      document.body.append(video);
      const count = () => { entry.frames += 1; video.requestVideoFrameCallback(count); };
      video.requestVideoFrameCallback(count);
      video.play();
    };
    await peer.setLocalDescription();
    const number = globalThis.peers.push(entry) - 1;
    return { number, offer: { type: 'offer', sdp: peer.localDescription.sdp } };
  }, codecs);
}

/** The candidates that the connection has found by now. */
export const candidates = (page, number) => page.evaluate((n) => globalThis.peers[n].candidates, number);

/** Takes an answer with its candidates. */
export function accept(page, number, { answer, candidates: found }) {
  return page.evaluate(async ([n, description, list]) => {
    const { peer } = globalThis.peers[n];
    await peer.setRemoteDescription(description);
    for (const { seq: _seq, ...candidate } of list) await peer.addIceCandidate(candidate.candidate ? candidate : undefined);
  }, [number, answer, found]);
}

export const close = (page, number) => page.evaluate((n) => globalThis.peers[n].peer.close(), number);
export const frames = (page, number) => page.evaluate((n) => globalThis.peers[n].frames, number);
export const states = (page, number) => page.evaluate((n) => ({ all: globalThis.peers[n].states, dtls: globalThis.peers[n].peer.sctp?.transport.state, ice: globalThis.peers[n].peer.iceConnectionState }), number);
