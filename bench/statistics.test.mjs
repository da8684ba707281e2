import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summary, table } from './statistics.mjs';

test('percentiles are measured values, by nearest rank', () => {
  const samples = Array.from({ length: 200 }, (_, i) => 200 - i);
  assert.deepEqual(summary(samples, { unseen: 0 }), { n: 200, p50: 100, p95: 190, p99: 198, unseen: 0 });
  assert.deepEqual(summary([7]), { n: 1, p50: 7, p95: 7, p99: 7 });
  assert.deepEqual(summary([]), { n: 0, p50: null, p95: null, p99: null });
});

test('the table has a line for each figure', () => {
  assert.equal(table({ a: summary([1]), 'long.name': summary([2], { unseen: 3 }) }).split('\n').length, 3);
});
