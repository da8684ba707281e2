// Opens what the vault sealed, from the database's bytes and the key file alone: a second reading of the format that
// crates/vault/src/sealed.rs describes, with another implementation of the cipher.
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { readFileSync } from 'node:fs';

const NONCE_BYTES = 24;
const FORMAT = 1;

function context(purpose, binding, keyId) {
  const version = Buffer.alloc(4);
  version.writeUInt32BE(binding.version);
  const fields = [purpose, binding.owner, binding.provider, binding.credential, version, keyId].map((field) => Buffer.from(field));
  return Buffer.concat([Buffer.from([FORMAT]), ...fields.flatMap((field) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(field.length));
    return [length, field];
  })]);
}

function open(ciphertext, key, associated) {
  const bytes = Buffer.from(ciphertext, 'base64');
  return Buffer.from(xchacha20poly1305(key, bytes.subarray(0, NONCE_BYTES), associated).decrypt(bytes.subarray(NONCE_BYTES)));
}

function readFiles(plain) {
  let place = 1;
  const number = () => plain.readUInt32BE((place += 4) - 4);
  const piece = () => {
    const length = number();
    return plain.subarray(place, (place += length));
  };
  return new Map(Array.from({ length: number() }, () => [piece().toString(), piece()]));
}

/** The key ring of a key file: from id to bytes. */
export function readKeys(file) {
  const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line.trim() && !line.startsWith('#'));
  return new Map(lines.map((line) => line.split(':')).map(([id, key]) => [id.trim(), Buffer.from(key, 'base64')]));
}

/** The files of a sealed credential: from path to bytes. */
export function openSealed(sealed, keys) {
  const { binding, key_id: keyId } = sealed;
  const dataKey = open(sealed.wrapped_key, keys.get(keyId), context('anteroom credential data key', binding, keyId));
  return readFiles(open(sealed.body, dataKey, context('anteroom credential body', binding, '')));
}
