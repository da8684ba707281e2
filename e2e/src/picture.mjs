// Takes README's picture: a real sign-in with its steps open. `npm run picture` writes docs/sign-in.png.
import { fileURLToPath } from 'node:url';
import { Attempt } from './harness/attempt.mjs';
import { World } from './harness/world.mjs';

const PICTURE = fileURLToPath(new URL('../../docs/sign-in.png', import.meta.url));

const world = await World.make();
try {
  const attempt = await Attempt.begin(world, 'codex');
  await attempt.atLoginPage();
  await attempt.page.getByRole('button', { name: 'Steps' }).click();
  await attempt.page.getByText('Your sign-in').waitFor();
  await attempt.page.screenshot({ path: PICTURE });
  console.log(PICTURE);
} finally {
  await world.end();
}
