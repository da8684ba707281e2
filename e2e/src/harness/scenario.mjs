// A named fact with a deadline. When it fails, what can explain it is put beside the run: pictures of the open pages
// and the logs.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const OUT = fileURLToPath(new URL('../../out', import.meta.url));
const SCENARIO_MS = 180_000;
const TAIL = 20_000;

let prefix = '';

/** Scenarios that are registered from now on have this before their names: the same ones run elsewhere without. */
export function nameAll(words) {
  prefix = `${words}: `;
}

/** Registers a scenario. `world` is asked for when it runs; what the scenario opens is finished behind it, so that the next one begins with nothing. */
export function scenario(plain, world, body, timeout = SCENARIO_MS) {
  const name = prefix + plain;
  test(name, { timeout }, async (context) => {
    const opened = [];
    const track = (attempt) => opened.push(attempt);
    try {
      await body(world(), track, context);
    } catch (error) {
      await explain(name, world(), opened);
      throw error;
    } finally {
      for (const attempt of opened) await attempt.finish();
    }
  });
}

async function explain(name, world, opened) {
  const directory = path.join(OUT, name.replace(/[^a-z0-9]+/gi, '-').slice(0, 80));
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'controller.log'), world.controller.log.slice(-TAIL));
  writeFileSync(path.join(directory, 'issuer.json'), JSON.stringify(world.issuer.events.filter((event) => event.kind !== 'tokens'), null, 1));
  for (const [index, attempt] of opened.entries()) {
    const view = await attempt.view?.().catch((error) => ({ error: error.message }));
    writeFileSync(path.join(directory, `${attempt.kind}-${index}.json`), JSON.stringify({ view, said: attempt.said }, null, 1));
    if (attempt.machine) writeFileSync(path.join(directory, `machine-${index}.log`), world.machineLogs.of(attempt.machine).slice(-TAIL));
    await attempt.page?.screenshot({ path: path.join(directory, `page-${index}.png`) }).catch(() => undefined);
  }
  console.error(`what there is to explain "${name}" is in ${directory}`);
}
