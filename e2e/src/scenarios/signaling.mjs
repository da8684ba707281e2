// The failures of signaling that an earlier system had, one by one, at the API of the running product: with a real
// browser's connections on one side, the real guest agent on the other, and its token where a test plays the guest.
// Numbers are those of the list of failures that each stands for.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { call } from '../harness/http.mjs';
import * as peer from '../harness/peer.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';

const MS = 30_000;
const digest = (sdp) => createHash('sha256').update(sdp).digest('hex');
const line = (sdp, name) => new RegExp(`^a=${name}:(.+)$`, 'm').exec(sdp)?.[1].trim();

/** A session that is driven by calls alone. */
class Driven {
  static async begin(w, provider, body) {
    const reply = await w.person.call('POST', '/api/vm/auth', { body: { provider, webrtcOffer: body } });
    assert.equal(reply.status, 201, reply.text);
    return Object.assign(new Driven(), { w, id: reply.json.sessionId, first: reply.json });
  }

  base() {
    return `/api/webrtc/session/${this.id}`;
  }

  call(method, path, body) {
    return this.w.person.call(method, this.base() + path, { body });
  }

  /** As its guest, with its machine's token. */
  async guest(method, path, body) {
    this.token ??= await this.w.capture.tokenOf(await this.address());
    return call(this.w.guestOrigin, method, this.base() + path, { body, headers: { authorization: `Bearer ${this.token}` } });
  }

  async address() {
    const before = new Set(this.w.knownAddresses ?? []);
    const fresh = await until('the machine called its controller', MS, () => [...this.w.capture.tokens.keys()].findLast((address) => !before.has(address)));
    return fresh;
  }

  view() {
    return this.w.person.session(this.id);
  }

  answer(epoch) {
    return until(`an answer for epoch ${epoch}`, MS, async () => {
      const reply = await this.call('GET', `/answer?epoch=${epoch}&wait=5`);
      if (reply.status === 204) return undefined;
      assert.equal(reply.status, 200, reply.text);
      return reply.json;
    });
  }

  async end() {
    const { machine } = await this.view();
    await this.w.person.call('DELETE', `/api/session/${this.id}`);
    if (machine) await this.w.remains.gone(machine);
  }
}

/** Runs one driven session on one bare page and clears up behind it. */
async function driven(w, body, { codecs, provider = 'codex' } = {}) {
  w.knownAddresses = [...w.capture.tokens.keys()];
  w.capture.tokens.clear();
  const page = await peer.barePage(w.viewer);
  const made = await peer.offer(page, { codecs });
  const session = await Driven.begin(w, provider, { offer: made.offer, candidates: [] });
  w.knownAddresses = [];
  try {
    await body(session, page, made);
  } finally {
    await session.end();
    await page.context().close();
  }
}

const connected = (page, number) => until('DTLS is up and a frame was decoded', MS, async () => (await peer.frames(page, number)) > 0);

export function vp8(world) {
  scenario('12: a browser that offers VP8 only gets its picture', world, (w) =>
    driven(w, async (session, page, made) => {
      const answer = await session.answer(1);
      assert.match(answer.answer.sdp, /a=rtpmap:\d+ VP8\/90000/);
      await peer.accept(page, made.number, answer);
      await connected(page, made.number);
    }, { codecs: ['video/VP8', 'video/rtx'] }));
}

export function signaling(world) {
  scenario('1, 2: the session id is known before the machine exists, and an answer that is not there yet is "not yet", never 404', world, (w) =>
    driven(w, async (session, page, made) => {
      assert.match(session.id, /^ses_/);
      assert.equal(session.first.epoch, 1);
      const early = await session.call('GET', '/answer?epoch=1&wait=0');
      assert.ok([200, 204].includes(early.status), `status ${early.status}`);
      const answer = await session.answer(1);
      assert.equal(answer.epoch, 1);
      assert.equal(answer.answer.type, 'answer');
      await peer.accept(page, made.number, answer);
      await connected(page, made.number);
    }));

  scenario('3: flat JSON and a null type are refused with the field, and make no session', world, async (w) => {
    const page = await peer.barePage(w.viewer);
    const { offer } = await peer.offer(page);
    const cases = [
      [{ ...offer }, /webrtcOffer/],
      [{ offer: { type: null, sdp: offer.sdp } }, /webrtcOffer\.offer\.type/],
      [{ offer: { type: 'answer', sdp: offer.sdp } }, /webrtcOffer\.offer\.type/],
      [{ offer: { type: 'offer', sdp: null } }, /webrtcOffer\.offer\.sdp/],
    ];
    for (const [webrtcOffer, field] of cases) {
      const reply = await w.person.call('POST', '/api/vm/auth', { body: { provider: 'codex', webrtcOffer } });
      assert.ok([400, 422].includes(reply.status), `${reply.status} ${reply.text}`);
      assert.match(reply.json.field ?? '', field);
    }
    assert.ok(!(await w.person.provider('codex')).session);
    await page.context().close();
  });

  scenario('4, 9: a second offer is a new epoch with a transport of its own, and the first answer is not given for it', world, (w) =>
    driven(w, async (session, page, made) => {
      const first = await session.answer(1);
      const second = await peer.offer(page);
      const reply = await session.call('POST', '/offer', { offer: second.offer, candidates: [] });
      assert.deepEqual([reply.status, reply.json.epoch], [201, 2], reply.text);
      const stale = await session.call('GET', '/answer?epoch=1&wait=0');
      assert.ok([409, 410].includes(stale.status), `an answer of a superseded epoch: ${stale.status}`);
      const answer = await session.answer(2);
      assert.notEqual(line(answer.answer.sdp, 'ice-ufrag'), line(first.answer.sdp, 'ice-ufrag'));
      await peer.accept(page, second.number, answer);
      await connected(page, second.number);
      const seen = await session.guest('GET', '/offer?after=0&wait=0');
      assert.equal(seen.json.epoch, 2, 'the guest reads the newest offer only');
      assert.equal(seen.json.offer.sdp, second.offer.sdp);
      assert.equal(made.number, 0);
    }));

  scenario("5, 8: an offer from a closed connection doesn't stop the next one from connecting", world, (w) =>
    driven(w, async (session, page, made) => {
      await peer.close(page, made.number);
      await session.answer(1);
      const next = await peer.offer(page);
      await session.call('POST', '/offer', { offer: next.offer, candidates: [] });
      await peer.accept(page, next.number, await session.answer(2));
      await connected(page, next.number);
      assert.equal((await session.view()).connection, 'new', 'nothing is connected before a viewer says that it saw a frame');
    }));

  scenario('6: an answer names its epoch and its offer: a stale one, one for another offer and a second one are refused; the same again is fine', world, (w) =>
    driven(w, async (session, page, made) => {
      const answer = await session.answer(1);
      const again = { answer: answer.answer, candidates: [], epoch: 1, offerDigest: digest(made.offer.sdp) };
      assert.equal((await session.guest('POST', '/answer', again)).status, 200, 'the same answer again');
      const other = { ...again, answer: { type: 'answer', sdp: answer.answer.sdp.replace(/a=ice-pwd:\S+/g, `a=ice-pwd:${'x'.repeat(24)}`) } };
      assert.equal((await session.guest('POST', '/answer', other)).status, 409, 'a second, other answer');
      assert.equal((await session.guest('POST', '/answer', { ...again, epoch: 2 })).status, 409, 'an answer for an epoch that does not exist');
      const next = await peer.offer(page);
      await session.call('POST', '/offer', { offer: next.offer, candidates: [] });
      assert.equal((await session.guest('POST', '/answer', again)).status, 409, 'an answer for a superseded epoch');
      const foreign = await session.guest('POST', '/answer', { ...again, epoch: 2 });
      assert.equal(foreign.status, 409, "an answer that names another connection's offer");
      const mine = await session.answer(2);
      assert.notEqual(line(mine.answer.sdp, 'ice-pwd'), line(again.answer.sdp, 'ice-pwd'));
    }));

  scenario('10: candidates that come before the answer are kept, each once, in order, over a restart too', world, (w) =>
    driven(w, async (session) => {
      const candidate = (port) => ({ candidate: `candidate:1 1 udp 2113937151 192.0.2.1 ${port} typ host`, sdpMid: '0', sdpMLineIndex: 0 });
      for (const port of [5001, 5002]) {
        const reply = await session.call('POST', '/candidate', { epoch: 1, candidates: [candidate(port)] });
        assert.ok(reply.status < 300, reply.text);
      }
      await session.answer(1);
      await w.controller.kill();
      await w.controller.start();
      w.secrets.addLink(w.controller.link);
      await session.call('POST', '/candidate', { epoch: 1, candidates: [candidate(5003), { candidate: '' }] });
      const all = await session.guest('GET', '/candidates/browser?epoch=1&after=0&wait=0');
      assert.equal(all.status, 200, all.text);
      assert.deepEqual(all.json.candidates.map(({ seq }) => seq), [1, 2, 3, 4]);
      assert.deepEqual(all.json.candidates.slice(0, 3).map((found) => Number(found.candidate.split(' ')[5])), [5001, 5002, 5003]);
      assert.equal(all.json.complete, true);
      const rest = await session.guest('GET', '/candidates/browser?epoch=1&after=2&wait=0');
      assert.deepEqual(rest.json.candidates.map(({ seq }) => seq), [3, 4], 'a reader goes on where it was, by the server\'s number');
      const late = await session.call('POST', '/candidate', { epoch: 1, candidates: [candidate(5004)] });
      assert.equal(late.status, 409, 'nothing comes after end-of-candidates');
    }));

  scenario('11: a candidate or an answer for a session that is not there makes nothing', world, async (w) => {
    const unknown = `ses_${'0'.repeat(26)}`;
    const reply = await w.person.call('POST', `/api/webrtc/session/${unknown}/candidate`, { body: { epoch: 1, candidates: [] } });
    assert.equal(reply.status, 404);
    assert.equal((await w.person.call('GET', `/api/webrtc/session/${unknown}/answer?epoch=1&wait=0`)).status, 404);
    assert.equal((await w.person.call('GET', `/api/session/${unknown}`)).status, 404);
    const waiting = (await w.person.call('POST', '/api/vm/auth', { body: { provider: 'codex' } })).json.sessionId;
    const early = await w.person.call('POST', `/api/webrtc/session/${waiting}/candidate`, { body: { epoch: 1, candidates: [] } });
    assert.equal(early.status, 409, 'a candidate before the first offer');
    assert.equal((await w.person.session(waiting)).epoch, 0);
    await w.person.call('DELETE', `/api/session/${waiting}`);
  });

  vp8(world);

  scenario('15, 16: polls are not rate-limited, and the first answer takes the input channel', world, (w) =>
    driven(w, async (session) => {
      const answer = await session.answer(1);
      assert.match(answer.answer.sdp, /^m=application [1-9]/m);
      const replies = await Promise.all(Array.from({ length: 200 }, () => session.call('GET', '/answer?epoch=1&wait=0')));
      assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200]);
    }));

  scenario('19, 20, 21: an ended session keeps its end and can be read, and its guest calls say that it ended', world, async (w) => {
    let ended;
    await driven(w, async (session) => {
      await session.answer(1);
      await session.guest('GET', '/offer?after=0&wait=0');
      await w.person.call('DELETE', `/api/session/${session.id}`);
      const reply = await session.call('GET', '/answer?epoch=1&wait=0');
      assert.equal(reply.status, 410, 'an ended session says that it ended');
      assert.equal(reply.json.reason.code, 'cancelled-by-person');
      const offer = await session.call('POST', '/offer', { offer: (await peer.offer(await peer.barePage(w.viewer))).offer, candidates: [] });
      assert.equal(offer.status, 410, 'an ended session takes no offer');
      ended = session;
    });
    const view = await ended.view();
    assert.deepEqual([view.state, view.reason.code], ['cancelled', 'cancelled-by-person']);
  });

  scenario('a request that is repeated with its idempotency key makes one session', world, async (w) => {
    const page = await peer.barePage(w.viewer);
    const { offer } = await peer.offer(page);
    const send = () => w.person.call('POST', '/api/vm/auth', { body: { provider: 'codex', webrtcOffer: { offer, candidates: [] } }, headers: { 'idempotency-key': 'of-this-test-only' } });
    const [one, two] = await Promise.all([send(), send()]);
    assert.deepEqual([one.status < 300, two.status < 300], [true, true], `${one.text} ${two.text}`);
    assert.equal(one.json.sessionId, two.json.sessionId);
    const { machine } = await w.person.session(one.json.sessionId);
    await w.person.call('DELETE', `/api/session/${one.json.sessionId}`);
    if (machine) await w.remains.gone(machine);
    await page.context().close();
  });
}
