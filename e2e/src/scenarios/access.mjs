// Who gets in: nobody without the owner's link or cookie, nothing but the page itself changes anything.
import assert from 'node:assert/strict';
import { call, Person } from '../harness/http.mjs';
import { scenario } from '../harness/scenario.mjs';

const ID = `ses_${'0'.repeat(26)}`;
const PATHS = [
  ['GET', '/'], ['GET', '/api/me'], ['GET', '/api/providers'], ['GET', '/api/credentials'], ['POST', '/api/vm/auth'], ['GET', `/api/session/${ID}`],
  ['GET', `/api/session/${ID}/events`], ['DELETE', `/api/session/${ID}`], ['GET', `/api/webrtc/session/${ID}/offer`],
  ['POST', `/api/webrtc/session/${ID}/offer`], ['GET', `/api/webrtc/session/${ID}/answer`], ['POST', `/api/webrtc/session/${ID}/answer`],
  ['POST', `/api/webrtc/session/${ID}/candidate`], ['GET', `/api/webrtc/session/${ID}/candidates/vm`], ['GET', `/api/webrtc/ice-servers?session=${ID}`],
  ['GET', '/api/guest/assignment'], ['POST', '/api/guest/reports'], ['POST', '/api/guest/credential'], ['GET', '/api/openapi.json'], ['GET', '/readyz'], ['GET', '/metrics'],
];

export function access(world) {
  scenario('without a cookie nothing but /healthz answers', world, async (w) => {
    assert.equal((await call(w.controller.origin, 'GET', '/healthz')).status, 200);
    for (const [method, path] of PATHS) {
      for (const headers of [{}, { cookie: 'anteroom=0123456789abcdef' }, { authorization: 'Bearer 0123456789abcdef' }]) {
        const reply = await call(w.controller.origin, method, path, { headers: { origin: w.controller.origin, ...headers }, body: method === 'POST' ? {} : undefined });
        assert.ok([401, 403, 404, 405].includes(reply.status), `${method} ${path}: ${reply.status}`);
        assert.ok(!reply.headers['set-cookie'], `${method} ${path} sets no cookie`);
      }
    }
  });

  scenario('the guest endpoint answers nobody without a machine token', world, async (w) => {
    for (const [method, path] of PATHS) {
      for (const headers of [{}, { cookie: w.person.cookie }]) {
        const reply = await call(w.guestOrigin, method, path, { headers, body: method === 'POST' ? {} : undefined });
        assert.ok([401, 403, 404, 405].includes(reply.status), `${method} ${path}: ${reply.status}`);
      }
    }
  });

  scenario('a link works once, and its cookie is for this site and no script', world, async (w) => {
    const link = await w.controller.newLink();
    w.secrets.addLink(link);
    const { pathname, search } = new URL(link);
    const first = await call(w.controller.origin, 'GET', pathname + search);
    assert.equal(first.status, 303);
    assert.equal(first.headers.location, '/');
    const cookie = first.headers['set-cookie'][0];
    for (const word of [/HttpOnly/i, /SameSite=Strict/i, /Path=\//i]) assert.match(cookie, word);
    const second = await call(w.controller.origin, 'GET', pathname + search);
    assert.ok([401, 403].includes(second.status), `the link again: ${second.status}`);
    assert.ok(!second.headers['set-cookie']);
  });

  scenario('a call that changes something from another origin, or from none, is refused', world, async (w) => {
    const changes = [['POST', '/api/vm/auth', { provider: 'codex' }], ['DELETE', `/api/session/${ID}`], ['DELETE', `/api/credentials/cre_${'0'.repeat(26)}`]];
    for (const [method, path, body] of changes) {
      for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:${Number(new URL(w.controller.origin).port) + 1}`]) {
        const reply = await w.person.call(method, path, { body, headers: { origin } });
        assert.equal(reply.status, 403, `${method} ${path} from ${origin}`);
      }
      const none = await call(w.controller.origin, method, path, { body, headers: { cookie: w.person.cookie } });
      assert.equal(none.status, 403, `${method} ${path} without an origin`);
    }
  });

  scenario('a name that leads to this address is not a name of this site', world, async (w) => {
    const reply = await call(w.controller.origin, 'GET', '/api/me', { headers: { cookie: w.person.cookie, host: 'rebound.example' } });
    assert.ok([400, 403, 421].includes(reply.status), `status ${reply.status}`);
  });

  scenario('answers keep to themselves: no sniffing, no framing, no store, scripts of this site only', world, async (w) => {
    const page = await w.person.call('GET', '/');
    assert.equal(page.status, 200);
    assert.match(page.headers['content-security-policy'], /default-src 'self'/);
    assert.match(page.headers['content-security-policy'], /frame-ancestors 'none'/);
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    const me = await w.person.call('GET', '/api/me');
    assert.match(me.headers['cache-control'], /no-store/);
  });

  scenario('a person with a second link sees the same sessions', world, async (w) => {
    const link = await w.controller.newLink();
    w.secrets.addLink(link);
    const again = await Person.open(link);
    w.secrets.add('cookie', again.cookie.split('=')[1]);
    assert.deepEqual((await again.get('/api/me')).user, (await w.person.get('/api/me')).user);
  });
}
