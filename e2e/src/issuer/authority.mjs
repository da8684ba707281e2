// A certificate authority that lives for one run, in a directory of that run; its key is in no repository and in
// no machine.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const DAYS = '2';

/**
 * Makes the authority and one certificate for all `names`.
 * @returns {{ca: string, certificate: string, key: string}} paths of PEM files
 */
export function makeAuthority(directory, names) {
  const file = (name) => path.join(directory, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-days', DAYS,
    '-subj', '/CN=Anteroom end-to-end test CA', '-addext', 'basicConstraints=critical,CA:TRUE',
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  openssl('req', ...newKey, '-keyout', file('leaf.key'), '-out', file('leaf.csr'), '-subj', `/CN=${names[0]}`);
  writeFileSync(file('leaf.ext'), [
    'basicConstraints=CA:FALSE',
    'extendedKeyUsage=serverAuth',
    `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`,
  ].join('\n'));
  openssl('x509', '-req', '-in', file('leaf.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial',
    '-out', file('leaf.pem'), '-days', DAYS, '-extfile', file('leaf.ext'));
  return { ca: file('ca.pem'), certificate: file('leaf.pem'), key: file('leaf.key') };
}

/** The authority's certificate as text. */
export const caText = ({ ca }) => readFileSync(ca, 'utf8');
