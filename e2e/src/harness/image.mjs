// Where the guest image's tree is, as the program says it.
import { execFileSync } from 'node:child_process';
import { binary } from './controller.mjs';

let tree;

/** The directory of the image that machines are made from; `ANTEROOM_E2E_IMAGE` takes another. */
export function imageTree() {
  tree ??= process.env.ANTEROOM_E2E_IMAGE ?? execFileSync(binary(), ['image', 'path'], { encoding: 'utf8' }).trim();
  return tree;
}
