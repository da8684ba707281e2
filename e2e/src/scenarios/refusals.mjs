// Bad input gets a problem document that names the field, changes nothing, and costs bounded memory.
import assert from 'node:assert/strict';
import { scenario } from '../harness/scenario.mjs';

const SDP = 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA\r\n';
const MEGABYTE = 1024 * 1024;
const ROUNDS = 100;
/** What a hundred refusals of a megabyte each may leave in the controller's memory. */
const GROWTH_BYTES = 24 * MEGABYTE;

const candidate = { candidate: 'candidate:1 1 udp 2113937151 192.0.2.1 5000 typ host', sdpMid: '0', sdpMLineIndex: 0 };
const auth = (webrtcOffer, more = {}) => ({ provider: 'codex', webrtcOffer, ...more });
const offer = (sdp = SDP, more = {}) => ({ offer: { type: 'offer', sdp }, candidates: [], ...more });

/** What, the body, the statuses that fit, the field that must be named. */
const TABLE = [
  ['an unknown provider', auth(offer(), { provider: 'nobody' }), [404, 422, 400], /^provider$/],
  ['a provider id that is none', auth(offer(), { provider: '../../etc/passwd' }), [400, 422, 404], /^provider$/],
  ['a provider of another type', auth(offer(), { provider: 7 }), [400, 422], /^provider$/],
  ['no provider', { webrtcOffer: offer() }, [400, 422], /provider|^$/],
  ['SDP that is not SDP', auth(offer('hello')), [400, 422], /^webrtcOffer\.offer\.sdp$/],
  ['SDP without a fingerprint', auth(offer(SDP.replace(/a=fingerprint.*\r\n/, ''))), [400, 422], /^webrtcOffer\.offer\.sdp$/],
  ['SDP of 100 kB', auth(offer(SDP + 'a=x\r\n'.repeat(20_000))), [400, 413, 422], /webrtcOffer\.offer\.sdp|^$/],
  ['SDP of another type', auth({ offer: { type: 'offer', sdp: 7 }, candidates: [] }), [400, 422], /^webrtcOffer\.offer\.sdp$/],
  ['a candidate that is none', auth(offer(SDP, { candidates: [{ candidate: 'nonsense' }] })), [400, 422], /^webrtcOffer\.candidates/],
  ['200 candidates in one request', auth(offer(SDP, { candidates: Array(200).fill(candidate) })), [400, 422], /^webrtcOffer\.candidates/],
  ['an unknown field at the top', auth(offer(), { surprise: 1 }), [400, 422], /surprise|^$/],
  ['an unknown field in the offer', auth({ offer: { type: 'offer', sdp: SDP, surprise: 1 }, candidates: [] }), [400, 422], /webrtcOffer\.offer/],
  ['candidates of another type', auth(offer(SDP, { candidates: 'none' })), [400, 422], /^webrtcOffer\.candidates/],
];

function assertProblem(reply, statuses, what) {
  assert.ok(statuses.includes(reply.status), `${what}: ${reply.status} ${reply.text.slice(0, 300)}`);
  assert.match(reply.headers['content-type'] ?? '', /^application\/problem\+json/, what);
  assert.deepEqual([typeof reply.json.type, typeof reply.json.title, reply.json.status, typeof reply.json.detail], ['string', 'string', reply.status, 'string'], what);
}

const sessions = async (w) => (await w.person.get('/api/providers')).providers.filter((provider) => provider.session).length;

export function refusals(world) {
  scenario('bad input is refused with a problem document that names the field, and makes nothing', world, async (w) => {
    const before = await sessions(w);
    for (const [what, body, statuses, field] of TABLE) {
      const reply = await w.person.call('POST', '/api/vm/auth', { body });
      assertProblem(reply, statuses, what);
      assert.match(reply.json.field ?? '', field, `${what}: ${reply.text}`);
      assert.ok(!reply.text.includes('0123456789012345678901'), `${what}: the problem repeats no secret of the input`);
    }
    for (const [what, raw] of [['no JSON', 'hello'], ['half a JSON', '{"provider": "codex", '], ['an array', '[]'], ['nothing', '']]) {
      assertProblem(await w.person.call('POST', '/api/vm/auth', { raw }), [400, 422], what);
    }
    const form = await w.person.call('POST', '/api/vm/auth', { raw: 'provider=codex', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    assertProblem(form, [415], 'a form');
    assert.equal(await sessions(w), before);
  });

  scenario('unknown paths, wrong methods and ids that are none get problem documents', world, async (w) => {
    for (const [method, path, statuses] of [
      ['GET', '/api/nothing', [404]], ['PUT', '/api/vm/auth', [405]], ['GET', '/api/session/..%2F..%2Fetc', [404, 400]],
      ['GET', `/api/session/ses_${'z'.repeat(26)}`, [404]], ['GET', '/api/webrtc/session/x/answer?epoch=1', [404, 400]],
      ['DELETE', `/api/credentials/cre_${'0'.repeat(26)}`, [404]],
    ]) assertProblem(await w.person.call(method, path), statuses, `${method} ${path}`);
  });

  scenario('a hundred requests of a megabyte, and of 10,000 candidates, cost bounded memory', world, async (w) => {
    const huge = JSON.stringify(auth(offer('v=0\r\n' + 'a=x\r\n'.repeat(MEGABYTE / 5))));
    const many = JSON.stringify(auth(offer(SDP, { candidates: Array(10_000).fill(candidate) })));
    await w.person.call('POST', '/api/vm/auth', { raw: huge }).catch(() => undefined);
    const before = w.controller.memory();
    for (let round = 0; round < ROUNDS; round += 1) {
      // The server may close the connection before it has read a megabyte; then there is no reply to look at.
      const replies = await Promise.allSettled([huge, many].map((raw) => w.person.call('POST', '/api/vm/auth', { raw })));
      for (const { value } of replies) if (value) assertProblem(value, [400, 413, 422], 'a huge body');
    }
    const growth = w.controller.memory() - before;
    assert.ok(growth < GROWTH_BYTES, `the controller grew by ${Math.round(growth / MEGABYTE)} MB`);
    assert.equal((await w.person.get('/api/me')).user.id.slice(0, 4), 'usr_');
  });
}
