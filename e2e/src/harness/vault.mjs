// A credential as it lies in a run's database, opened with the run's key file.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { openSealed, readKeys } from './sealed.mjs';

const one = (directory, pattern) => path.join(directory, readdirSync(directory).find((name) => pattern.test(name)));

/** The files of the newest version of a credential: from path to bytes. */
export function opened(directory, credential) {
  if (!/^cre_[0-9a-z]{26}$/.test(credential)) throw new Error('not a credential id');
  const data = path.join(directory, 'data');
  const database = one(data, /\.(db|sqlite3?)$/);
  const rows = execFileSync('sqlite3', ['-json', '-readonly', database, `SELECT sealed FROM credentials WHERE credential = '${credential}' ORDER BY version DESC LIMIT 1`], { encoding: 'utf8' });
  const [row] = JSON.parse(rows);
  return openSealed(JSON.parse(row.sealed), readKeys(one(data, /key/)));
}
