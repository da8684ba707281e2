// The picture comes through whatever lies between a person and the server: each way is a router's rules, and the path
// that the browser chose is looked at, so that no way is taken for another.
import assert from 'node:assert/strict';
import { Attempt } from '../harness/attempt.mjs';
import { HTTPS } from '../harness/networked.mjs';
import { RELAY } from '../harness/networks.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';

const PICTURE_MS = 20_000;

/** How the page's newest connection goes: the viewer's end of the pair that carries it. */
export async function way(page) {
  return page.evaluate(async () => {
    const peer = globalThis.__probe.peers.findLast((peer) => peer.connectionState === 'connected');
    if (!peer) return undefined;
    const stats = [...(await peer.getStats()).values()];
    const transport = stats.find(({ type }) => type === 'transport');
    const pair = stats.find(({ id }) => id === transport?.selectedCandidatePairId);
    const local = stats.find(({ id }) => id === pair?.localCandidateId);
    return local && { type: local.candidateType, relay: local.relayProtocol, url: local.url };
  });
}

async function connects(world, port, track, expected) {
  const attempt = await Attempt.begin(world.at(port), 'click', track);
  await attempt.desktop.picture(PICTURE_MS);
  const block = await attempt.desktop.sees('stageOff');
  await attempt.desktop.click(block);
  await attempt.desktop.sees('stageOn');
  const taken = await until('the browser says which way it took', PICTURE_MS, () => way(attempt.page));
  assert.equal(taken.type, 'relay', JSON.stringify(taken));
  assert.equal(taken.relay, expected, JSON.stringify(taken));
  return attempt;
}

const routing = (made) => (name, rules, body) => scenario(name, () => made().world, async (world, track) => {
  await made().networks.route(rules(made()));
  await body(made(), world, track);
});
const plain = (relay) => (networked, _world, track) => connects(networked, undefined, track, relay);

export function relayed(made) {
  routing(made)('a viewer in another network gets its picture through the relay by UDP', () => ({}), plain('udp'));
}

export function networks(made) {
  const routed = routing(made);

  relayed(made);

  routed('a viewer behind a symmetric NAT gets its picture', () => ({ translation: 'masquerade fully-random' }), plain('udp'));

  routed('a server behind a 1:1 NAT shows its picture', ({ networks: { server } }) => ({
    prerouting: [`ip daddr ${server.translated} dnat ip to ${server.v4}`],
    hosts: { 'anteroom.test': server.translated, [RELAY]: server.translated },
  }), plain('udp'));

  routed('with UDP blocked the picture comes by TCP', () => ({ forward: ['meta l4proto udp drop'] }), plain('tcp'));

  routed('with only port 443 open the picture comes by TLS', ({ networks: { server }, port }) => ({
    prerouting: [`ip daddr ${server.v4} tcp dport ${HTTPS} dnat ip to ${server.v4}:${port}`],
    forward: [
      'ct state established,related accept',
      `meta l4proto tcp ct original proto-dst ${HTTPS} accept`,
      'drop',
    ],
    hosts: { [RELAY]: server.second },
  }), (networked, _world, track) => connects(networked, HTTPS, track, 'tls'));

  routed('a viewer with IPv6 alone gets its picture', ({ networks: { server } }) => ({
    hosts: { 'anteroom.test': server.v6, [RELAY]: server.v6 },
  }), async (networked, _world, track) => {
    networked.networks.onlyIpv6(true);
    try {
      await connects(networked, undefined, track, 'udp');
    } finally {
      networked.networks.onlyIpv6(false);
    }
  });
}
