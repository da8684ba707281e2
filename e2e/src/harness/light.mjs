// The guest image with NetSurf in Chromium's place: where a machine is emulated, a browser that paints by itself is too
// slow to be a test. Plain forms, cookies and redirects are all that a sign-in needs. Everything else is the image's own:
// its files are the same ones, by hard links.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageTree } from './image.mjs';

const BROWSER = fileURLToPath(new URL('../light/browser', import.meta.url));
const PACKAGE = 'netsurf-gtk';
const WINDOWS = 'opt/anteroom/desktop/openbox.xml';
const APT_MS = 300_000;

/** The tree, made beside the image's own unless it is there and as young as what it is made of. */
export function lightTree() {
  const tree = `${imageTree()}-light`;
  const made = [BROWSER, fileURLToPath(import.meta.url)].map((file) => readFileSync(file, 'utf8')).join('');
  const stamp = `${tree}.made`;
  if (existsSync(tree) && existsSync(stamp) && readFileSync(stamp, 'utf8') === made) return tree;
  const work = mkdtempSync(`${tree}.partial-`);
  try {
    make(work);
    for (const old of [tree, `${tree}.erofs`]) rmSync(old, { recursive: true, force: true });
    renameSync(path.join(work, 'tree'), tree);
    writeFileSync(stamp, made);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return tree;
}

function make(work) {
  const tree = path.join(work, 'tree');
  execFileSync('cp', ['-al', imageTree(), tree]);
  for (const file of missingPackages(work, tree)) execFileSync('dpkg-deb', ['-x', file, tree]);
  replace(path.join(tree, 'usr/lib/chromium/chromium'), (file) => copyFileSync(BROWSER, file), 0o755);
  // NetSurf's window has no role by which it could be told from its dialogs.
  const windows = readFileSync(path.join(tree, WINDOWS), 'utf8').replace(' role="browser"', '');
  replace(path.join(tree, WINDOWS), (file) => writeFileSync(file, windows), 0o644);
  execFileSync('chroot', [tree, 'ldconfig']);
}

/** Downloads what the image lacks of the browser, as apt would install it there. */
function missingPackages(work, tree) {
  const archives = path.join(work, 'archives');
  mkdirSync(path.join(archives, 'partial'), { recursive: true });
  const options = [`Dir::State::status=${path.join(tree, 'var/lib/dpkg/status')}`, `Dir::Cache::archives=${archives}`, 'APT::Install-Recommends=false', 'APT::Sandbox::User=root'];
  const apt = (...words) => execFileSync('apt-get', ['-qq', '-y', ...options.flatMap((option) => ['-o', option]), ...words], { timeout: APT_MS, stdio: ['ignore', 'ignore', 'inherit'] });
  // Many a host keeps no lists of packages.
  if (!execFileSync('apt-cache', ['search', '--names-only', `^${PACKAGE}$`], { encoding: 'utf8' })) apt('update');
  apt('--download-only', 'install', PACKAGE);
  return execFileSync('find', [archives, '-name', '*.deb'], { encoding: 'utf8' }).trim().split('\n');
}

/** In place of the image's file, whose bytes both trees share. */
function replace(file, write, mode) {
  rmSync(file);
  write(file);
  chmodSync(file, mode);
}
