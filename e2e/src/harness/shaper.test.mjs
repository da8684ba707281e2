import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lane } from './shaper.mjs';

test('a lane delays each datagram, and those above the rate queue behind it', () => {
  const lane = new Lane();
  const settings = { delayMs: 50, kbps: 1000 };
  assert.equal(lane.pass(1250, settings, 0, 0.5), 60);
  assert.equal(lane.pass(1250, settings, 0, 0.5), 70);
  assert.equal(lane.pass(1250, settings, 100, 0.5), 160);
});

test('a lane loses what would wait too long, and its share of all', () => {
  const lane = new Lane();
  const passed = Array.from({ length: 100 }, () => lane.pass(1250, { kbps: 1000 }, 0, 0.5)).filter((at) => at !== undefined);
  assert.equal(passed.length, 26);
  assert.equal(new Lane().pass(100, { loss: 0.1 }, 0, 0.05), undefined);
  assert.equal(new Lane().pass(100, { loss: 0.1 }, 0, 0.2), 0);
});

test('a free lane passes everything at once', () => {
  assert.equal(new Lane().pass(1250, {}, 5, 0), 5);
});
