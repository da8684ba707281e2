// The desktop for any WHEP player: one from npm, on another site, with the owner's token. Its viewers see what the person
// does, take nothing from them, and cost the machine no second encoder.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Attempt } from '../harness/attempt.mjs';
import { Desktop } from '../harness/desktop.mjs';
import { call } from '../harness/http.mjs';
import { PlayerSite } from '../harness/player.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';

/** A player finds out by the machine's goodbye, or by consent that is not given any more (RFC 7675). */
const END_SEEN_MS = 30_000;
const endpoint = (w, attempt) => `${w.controller.origin}/api/session/${attempt.id}/whep`;

/** The owner's token, as a program gets it. */
async function token(w) {
  const text = (await w.controller.command('token')).trim();
  w.secrets.add('program token', text);
  return text;
}

/** A site, gone again at the scenario's end. */
async function onAnotherSite(w, body) {
  const site = await PlayerSite.start();
  const players = [];
  const open = async (options) => {
    const player = await site.open(w.viewer, options);
    players.push(player);
    return player;
  };
  try {
    await body(open);
  } finally {
    for (const { context } of players) await context.close();
    await site.stop();
  }
}

/** The machine's encoders: each is a pipeline whose source has a thread of its own. */
function encoders(w, attempt) {
  const comm = (file) => {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      return ''; // it ended while it was looked at
    }
  };
  const tasks = (pid) => readdirSync(`/proc/${pid}/task`).map((task) => comm(`/proc/${pid}/task/${task}/comm`));
  const names = w.remains.processesOf(attempt.machine).flatMap(({ pid }) => tasks(pid));
  return names.filter((name) => name.startsWith('appsrc')).length;
}

const codecOfPage = (page) => page.evaluate(async () => {
  const all = [...(await globalThis.__probe.peers.at(-1).getStats()).values()];
  return all.find(({ id }) => id === all.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')?.codecId)?.mimeType;
});

/** They watch while a person types. */
export function players(world) {
  scenario('whep: two players on another site show the desktop while the person types, and share the page\'s encoder', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await onAnotherSite(w, async (open) => {
      const bearer = await token(w);
      const [first, second] = [await open({ tagged: false }), await open({ tagged: true })];
      // At once, as a link to a desktop is opened by whoever got it: 409 until there is a picture.
      await first.watch(endpoint(w, attempt), bearer);
      await attempt.atLoginPage();
      const before = encoders(w, attempt);
      assert.ok(before > 0, 'an encoder runs');
      await second.watch(endpoint(w, attempt), bearer);
      for (const player of [first, second]) await new Desktop(player.page).sees('userField');

      const shown = [await first.framesAbove(0), await second.framesAbove(0)];
      await attempt.signIn('ada', 'typed while two watch');
      await attempt.desktop.sees('wrongPassword');
      for (const [index, player] of [first, second].entries()) {
        await player.framesAbove(shown[index] + 5);
        await new Desktop(player.page).sees('wrongPassword');
        const seen = await player.seen();
        assert.deepEqual([seen.state, seen.codec], ['connected', await codecOfPage(attempt.page)]);
      }
      assert.equal(encoders(w, attempt), before, 'nobody got an encoder of their own');
      assert.equal((await attempt.view()).epoch, 1, 'a view is no epoch');

      // The tag that came with the 201 opens PATCH; without it the answer is 428, and the picture is there all the same.
      const patched = async (player) => [...new Set((await player.replies()).filter(({ method }) => method === 'PATCH').map(({ status }) => status))];
      assert.deepEqual(await patched(second), [204]);
      assert.deepEqual(await patched(first), [428]);
      for (const { status, retryAfter } of (await first.replies()).filter(({ method }) => method === 'POST').slice(0, -1)) {
        assert.deepEqual([status, retryAfter], [409, '1']);
      }
      const [opened] = (await second.replies()).filter(({ status }) => status === 201);
      assert.match(opened.etag, /^"[0-9a-f]+"$/);
      assert.match(opened.location, new RegExp(`^/api/session/${attempt.id}/whep/vie_`));

      await second.stop();
      assert.deepEqual((await second.replies()).at(-1).status, 200);
      const left = await first.framesAbove(0);
      await attempt.signIn('ada', ACCOUNTS.ada.password);
      await first.framesAbove(left);
    });
    await attempt.allow();
    const view = await attempt.ended();
    assert.equal(view.state, 'succeeded', JSON.stringify(view.reason));
    await attempt.machineGone();
  });
}

export function whep(world) {
  players(world);

  scenario('whep: a view outlives a restart of the controller, and ends with its session', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    await onAnotherSite(w, async (open) => {
      await attempt.atLoginPage();
      const bearer = await token(w);
      const player = await open({ tagged: true });
      await player.watch(endpoint(w, attempt), bearer);
      await player.framesAbove(0);
      const { location, etag } = (await player.replies()).find(({ status }) => status === 201);

      await w.controller.kill();
      await w.controller.start();
      w.secrets.addLink(w.controller.link);
      const patch = (tag) => call(w.controller.origin, 'PATCH', location, {
        raw: 'a=mid:0\r\na=candidate:1 1 udp 2113937151 192.0.2.1 9 typ host\r\n',
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': tag },
      });
      const shown = await player.framesAbove(0);
      assert.equal((await patch('"another"')).status, 412);
      assert.equal((await patch(etag)).status, 204, 'the tag is known');
      await attempt.desktop.clickBeside('passwordField');
      await player.framesAbove(shown);

      assert.equal((await w.person.call('DELETE', `/api/session/${attempt.id}`)).status, 200);
      await until('the player knows that it is over', END_SEEN_MS, async () => ['disconnected', 'failed', 'closed'].includes((await player.seen()).state));
      assert.equal((await patch(etag)).status, 410);
      await player.stop();
      assert.equal((await player.replies()).at(-1).status, 200, 'DELETE is fine after the end');
    });
    await attempt.machineGone();
  });

  scenario('whep: nobody watches without a token, and no page of another site with the cookie', world, async (w, track) => {
    const attempt = await Attempt.begin(w, 'codex', track);
    const post = (headers) => call(w.controller.origin, 'POST', `/api/session/${attempt.id}/whep`, { raw: 'v=0\r\n', headers: { 'content-type': 'application/sdp', ...headers } });
    const elsewhere = { origin: 'http://player.example' };
    assert.equal((await post(elsewhere)).status, 401);
    assert.equal((await post({ ...elsewhere, cookie: w.person.cookie })).status, 403);
    assert.equal((await post({ ...elsewhere, authorization: `Bearer ${'A'.repeat(43)}` })).status, 401);
    const asked = await call(w.controller.origin, 'OPTIONS', `/api/session/${attempt.id}/whep`, { headers: { ...elsewhere, 'access-control-request-method': 'POST' } });
    assert.deepEqual([asked.status, asked.headers['access-control-allow-origin'], asked.headers['accept-post']], [200, '*', 'application/sdp']);
    assert.ok(!asked.headers['access-control-allow-credentials']);
  });
}
