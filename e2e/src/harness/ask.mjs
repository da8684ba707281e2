// Asks the issuer as a CLI does: at its vendor's name, trusting the run's authority alone, nothing followed.
import { randomUUID } from 'node:crypto';
import https from 'node:https';

const DEADLINE_MS = 20_000;

/** The notation of forms with files (RFC 7578). */
function inParts(fields) {
  const boundary = `part-${randomUUID()}`;
  const parts = Object.entries(fields).map(([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
  return [`multipart/form-data; boundary=${boundary}`, `${parts.join('')}--${boundary}--\r\n`];
}

function bodyOf({ form, parts, json }) {
  if (parts) return inParts(parts);
  if (form) return ['application/x-www-form-urlencoded', new URLSearchParams(form).toString()];
  return json ? ['application/json', JSON.stringify(json)] : [undefined, undefined];
}

/** @returns {Promise<{status: number, headers: import('node:http').IncomingHttpHeaders, text: string}>} */
export function ask(issuer, method, url, { headers = {}, ...content } = {}) {
  const { hostname, pathname, search } = new URL(url);
  const [type, body] = bodyOf(content);
  const typed = body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) };
  const to = { host: issuer.place.address, port: 443, servername: hostname, ca: issuer.caText, agent: false };
  return new Promise((resolve, reject) => {
    const request = https.request({ ...to, method, path: pathname + search, headers: { host: hostname, ...typed, ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    request.setTimeout(DEADLINE_MS, () => request.destroy(new Error(`${method} ${url.split('?')[0]}: no reply within ${DEADLINE_MS} ms`)));
    request.on('error', reject);
    request.end(body);
  });
}

/** A reply in a form's notation. */
export const fieldsOf = ({ text }) => Object.fromEntries(new URLSearchParams(text));
