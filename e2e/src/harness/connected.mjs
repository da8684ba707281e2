// Connects tools for scenarios that are about what comes after: quickly, without a desktop.
import { Attempt } from './attempt.mjs';
import { credentialOf } from './run.mjs';
import { until } from './wait.mjs';

const CONNECTED_MS = 60_000;

/** By a sign-in that asks nobody anything. */
export async function byScript(world, provider) {
  const reply = await world.person.call('POST', '/api/vm/auth', { body: { provider, method: 'device' } });
  if (reply.status !== 201) throw new Error(`the sign-in of ${provider} was answered with ${reply.status}: ${reply.text}`);
  return succeeded(world, provider, reply.json.sessionId);
}

/** The same where nothing is connected: a scenario that can be run alone, and has no use for a new credential. */
export async function byScriptOnce(world, provider) {
  return await credentialOf(world, provider) ?? byScript(world, provider);
}

/** By a person at the issuer: `signIn` does what a person does with the attempt. */
export async function byPerson(world, provider, track, method, signIn) {
  const attempt = await Attempt.begin(world, provider, track, method);
  await signIn(attempt);
  const credential = await succeeded(world, provider, attempt.id);
  return { attempt, credential };
}

/** Access tokens that are made until `act` is done live for so long. */
export async function withShortLives(world, act, seconds = 1) {
  await world.issuer.live({ accessTokens: seconds });
  try {
    return await act();
  } finally {
    await world.issuer.live();
  }
}

/** Waits for the sign-in's good end; gives the credential as it is listed. */
async function succeeded(world, provider, session) {
  let view;
  await until(`${provider} is connected`, CONNECTED_MS, async () => {
    view = await world.person.session(session);
    if (['failed', 'cancelled', 'timed-out'].includes(view.state)) throw new Error(`the sign-in of ${provider} ended: ${JSON.stringify(view.reason)}`);
    return view.state === 'succeeded';
  });
  return credentialOf(world, provider);
}
