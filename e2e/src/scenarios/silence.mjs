// The whole log of the run, of the controller and of every machine, holds no secret that the run has seen; and at its
// end nothing is left of any machine. These come last.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { scenario } from '../harness/scenario.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { readKeys } from '../harness/sealed.mjs';
import { until } from '../harness/wait.mjs';

function gather(w) {
  w.secrets.add('credential token', ...w.issuer.secrets());
  w.secrets.add('machine token', ...w.capture.everSeen);
  w.secrets.add('cookie', w.person.cookie.split('=')[1]);
  w.secrets.add('typed password', ...Object.values(ACCOUNTS).map(({ password }) => password));
}

function dataFiles(directory) {
  return readdirSync(directory, { recursive: true }).map((name) => path.join(directory, name)).filter((file) => statSync(file).isFile());
}

export function silence(world) {
  scenario('no log of the run holds a credential, a token, a link, a cookie, a password or an SDP secret', world, async (w) => {
    gather(w);
    for (const kind of ['credential token', 'machine token', 'cookie', 'typed password', 'one-time link', 'signaling or cookie']) {
      assert.ok(w.secrets.count(kind) > 0, `the run has seen no ${kind}, so it can't look for one`);
    }
    assert.ok(w.controller.log.length > 1000 && w.machineLogs.all.length > 100, 'there are logs to look at');
    assert.deepEqual([...w.secrets.in(w.controller.log)], [], "the controller's log");
    assert.deepEqual([...w.secrets.in(w.machineLogs.all)], [], "the machines' logs");
  });

  scenario('no file of the data directory holds a secret in the clear, and only its owner gets in', world, async (w) => {
    gather(w);
    const directory = path.join(w.directory, 'data');
    assert.equal(statSync(directory).mode & 0o077, 0, 'the directory is for its owner alone');
    const files = dataFiles(directory);
    for (const file of files) {
      if (/\.(key|db)/.test(file)) assert.equal(statSync(file).mode & 0o077, 0, `${file} is for its owner alone`);
      const kinds = [...w.secrets.in(readFileSync(file, 'latin1')).keys()].filter((kind) => kind !== 'signaling or cookie');
      assert.deepEqual(kinds, [], file);
    }
    assert.ok(files.some((file) => /key/.test(file) && readKeys(file).size > 0));
  });

  scenario('nothing of any machine is left at the end of the run', world, async (w) => {
    let left = [];
    await until('everything of the machines is gone', 20_000, () => {
      left = w.remains.everything();
      return left.length === 0;
    }).catch((error) => assert.fail(`${error.message}: ${left.join(', ')}`));
  });
}
