// From the moment at which a CLI has written its credential to *connected* on the page. The moment is the file's own, in the machine, by
// the host's clock; the page says itself when it shows the result.
import { statSync } from 'node:fs';
import { Attempt } from '../e2e/src/harness/attempt.mjs';
import { ACCOUNTS } from '../e2e/src/issuer/accounts.mjs';
import { signInAtHome } from '../e2e/src/scenarios/methods.mjs';

const CREDENTIAL = 'home/user/.codex/auth.json';
/** The machine is there for 300 ms more, in which the file has to stay as it is. */
const LOOK_MS = 10;
/** For a sign-in, from its click to its result: the slowest CLI asks every five seconds whether somebody has allowed it. */
const RESULT_MS = 60_000;

/** Codex by each of the two ways in which a person can sign in without bringing anything back. */
const WAYS = {
  device: async (attempt, own) => signInAtHome(own, attempt, { method: 'device' }),
  async desktop(attempt) {
    await attempt.atLoginPage();
    await attempt.signIn('ada', ACCOUNTS.ada.password);
    await attempt.allow();
  },
};

/** Runs in the page, before its sign-in ends: notes which result it shows, and when the frame is drawn that has it. */
function watchForResult(deadlineMs) {
  const look = (found) => {
    const { result } = document.querySelector('[data-result]')?.dataset ?? {};
    if (result) requestAnimationFrame(() => found({ result, at: Date.now() }));
    return Boolean(result);
  };
  globalThis.__shown = new Promise((resolve) => {
    setTimeout(resolve, deadlineMs, { result: 'none' });
    const observer = new MutationObserver(() => {
      if (look(resolve)) observer.disconnect();
    });
    observer.observe(document, { childList: true, subtree: true });
  });
}

/** Follows the credential's file in a machine until the machine goes; `changedAt` is when it was written last, if it was. */
function followFile({ pid }) {
  const followed = { changedAt: undefined };
  const look = () => {
    // Of a process that has gone, the directory would be nobody's.
    try {
      followed.changedAt = statSync(`/proc/${pid}/root/${CREDENTIAL}`, { throwIfNoEntry: false })?.ctimeMs ?? followed.changedAt;
    } catch {
      // the machine has just gone
    }
  };
  const timer = setInterval(look, LOOK_MS);
  followed.stop = () => clearInterval(timer);
  return followed;
}

async function connect(world, own, method) {
  const attempt = await Attempt.open(world, 'codex');
  await attempt.page.evaluate(watchForResult, RESULT_MS);
  await attempt.connect(method);
  await attempt.reached('cli-started');
  const file = followFile(attempt.processes.find(({ isInit }) => isInit));
  try {
    await WAYS[method](attempt, own);
    const shown = await attempt.page.evaluate(() => globalThis.__shown);
    if (shown.result !== 'succeeded') throw new Error(`the sign-in of ${attempt.id} ended with the result ${shown.result}`);
    if (!file.changedAt) throw new Error('the credential was not seen in the machine');
    return shown.at - file.changedAt;
  } finally {
    file.stop();
    await attempt.machineGone();
    await attempt.close();
  }
}

/** So many sign-ins, one after the other; milliseconds of each. */
export async function credentialToConnected(world, own, method, count) {
  const took = [];
  for (let round = 0; round < count; round += 1) took.push(await connect(world, own, method));
  return took;
}
