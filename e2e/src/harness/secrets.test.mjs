import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secrets } from './secrets.mjs';

test('a secret is found in a log in each form that a log would have it in', () => {
  const secrets = new Secrets();
  secrets.add('password', 'Analytical-Engine/1843');
  for (const text of ['Analytical-Engine/1843', 'x Analytical-Engine%2F1843 x', Buffer.from('Analytical-Engine/1843').toString('base64')]) {
    assert.deepEqual([...secrets.in(text)], [['password', 1]], text);
  }
  assert.equal(secrets.in('nothing of it').size, 0);
});

test('a piece of a token is found alone', () => {
  const secrets = new Secrets();
  secrets.add('token', `${'h'.repeat(20)}.${'p'.repeat(40)}.${'s'.repeat(40)}`);
  assert.equal(secrets.in(`cut ${'s'.repeat(40)}`).size, 1);
});

test("the end of a callback's address is none of its secrets, and the address is one", () => {
  const secrets = new Secrets();
  const address = 'http://localhost:8976/oauth/callback?code=the-code-of-a-test&state=before.the-rest-of-the-state';
  secrets.add('pasted text', address);
  assert.equal(secrets.in('https://issuer.test/?state=before.the-rest-of-the-state').size, 0);
  assert.equal(secrets.in(`asked for ${address}`).size, 1);
});
