import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answers } from './signaling.mjs';

test('an agent says how long each answer took', () => {
  const log = [
    '2026-01-01T00:00:00Z  INFO anteroom_guest::signaling: the offer is answered epoch=1 took_ms=12',
    '2026-01-01T00:00:01Z  INFO anteroom_guest::signaling::views: the view is answered view=vie_0 took_ms=3',
    '2026-01-01T00:00:02Z \u001b[32m INFO\u001b[0m the offer is answered \u001b[3mepoch\u001b[0m=2 took_ms=7',
  ].join('\n');
  assert.deepEqual(answers(log), [[1, 12], [2, 7]]);
});
