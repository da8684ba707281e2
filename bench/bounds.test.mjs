import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { judged, MOST, words } from './bounds.mjs';
import { summary } from './statistics.mjs';

test('a figure that misses a bound says which, and so does one that was not measured', () => {
  const most = { fast: { p50: 10 }, slow: { p50: 10, p95: 25 }, none: { p50: 10 } };
  const figures = judged({ fast: summary([10]), slow: summary([20]), none: summary([]), told: summary([9]) }, most);
  assert.deepEqual(Object.values(figures).map(words), ['p50 10', 'p50 10 missed, p95 25', 'p50 10 missed', '']);
});

test('a figure without bounds stays as it is', () => {
  assert.deepEqual(judged({ told: summary([9]) }, {}), { told: summary([9]) });
});

test('each bound is one that the specification promises', () => {
  const rows = readFileSync(new URL('../SPECIFICATION.md', import.meta.url), 'utf8').split('\n');
  const promises = rows.flatMap((row) => [...row.matchAll(/`bench: ([^`]+)`/g)].map(([, named]) => ({ named, number: row.split('|')[2] })));
  for (const [figure, most] of Object.entries(MOST)) {
    const promised = promises.filter(({ named }) => figure.startsWith(named)).flatMap(({ number }) => number.match(/\d+/g) ?? []).map(Number);
    for (const number of Object.values(most)) assert.ok(promised.includes(number), `${figure} ${number}`);
  }
});
