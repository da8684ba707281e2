import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { TooLate, until } from './wait.mjs';

test('a wait ends at the event that makes its condition true', async () => {
  const news = new EventEmitter();
  let value = 0;
  const waiting = until('a value', 5000, () => value, news, 'change');
  value = 7;
  news.emit('change');
  assert.equal(await waiting, 7);
});

test('a wait that is too late says what it waited for', async () => {
  await assert.rejects(until('the moon', 60, () => false), (error) => error instanceof TooLate && /the moon/.test(error.message));
});

test('an error while looking ends the wait', async () => {
  await assert.rejects(until('x', 5000, () => { throw new Error('broken'); }), /broken/);
});
