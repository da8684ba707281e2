// Figures of tools that are connected and used: their credential's way to the page, their terminal, and `anteroom run`.
import { byScriptOnce } from '../e2e/src/harness/connected.mjs';
import { OwnBrowser } from '../e2e/src/harness/own-browser.mjs';
import { World } from '../e2e/src/harness/world.mjs';
import { RUN_FILES, RUN_PROVIDERS } from '../e2e/src/scenarios/run-providers.mjs';
import { credentialToConnected } from './connecting.mjs';
import { flood } from './flood.mjs';
import { openShell, openToPrompt } from './opening.mjs';
import { times } from './rounds.mjs';
import { added } from './shells.mjs';
import { summary } from './statistics.mjs';
import { keys } from './typing.mjs';

const SIGN_INS = times(6);
const OPENED = times(8);
const KEYS = times(200);
const FLOOD_BYTES = times(100_000_000);
const SHELLS = times(6);

async function signIns(world) {
  const own = await OwnBrowser.start(world.issuer);
  try {
    return {
      'credential_to_connected_ms.device': summary(await credentialToConnected(world, own, 'device', SIGN_INS)),
      'credential_to_connected_ms.desktop': summary(await credentialToConnected(world, own, 'desktop', SIGN_INS)),
    };
  } finally {
    await own.stop();
  }
}

/** What one terminal shows, on a machine of its own. */
async function onTerminal(world) {
  const shell = await openShell(world);
  const { parsed, drawn, unseen } = await keys(shell, KEYS);
  const figures = {
    'key_to_echo_ms.parsed': summary(parsed, { unseen }),
    'key_to_echo_ms.drawn': summary(drawn, { unseen }),
  };
  for (const how of ['lines', 'one_line']) Object.assign(figures, await flood(shell, how, FLOOD_BYTES));
  await shell.close();
  return figures;
}

/** What finds a machine that waits. */
async function withPool(world) {
  await world.controller.restart({ ANTEROOM_MACHINES__POOL: '1' });
  try {
    const opened = summary(await openToPrompt(world, OPENED, { hasPool: true }));
    const { idle, busy } = await added(world, SHELLS);
    return { 'open_to_prompt_ms.pool': opened, 'run_added_ms.idle': summary(idle), 'run_added_ms.busy': summary(busy) };
  } finally {
    // As long as there is a pool, one more is made for each that goes.
    await world.controller.restart();
  }
}

/** On a world of its own. Its machines are the host's processes, whose files are looked at. */
export async function runs() {
  const world = await World.make({ providers: RUN_PROVIDERS, files: RUN_FILES, driver: 'sandbox' });
  try {
    const connected = await signIns(world);
    await byScriptOnce(world, 'shell');
    const opened = { 'open_to_prompt_ms.new': summary(await openToPrompt(world, OPENED, { hasPool: false })) };
    return { ...connected, ...opened, ...(await onTerminal(world)), ...(await withPool(world)) };
  } finally {
    await world.end();
  }
}
