// A plain HTTP client for the controller: every header is the test's own (Host and Origin too), nothing is followed.
import http from 'node:http';

const DEADLINE_MS = 40_000;

/**
 * @param {string} origin where to, e.g. `http://127.0.0.1:4000`
 * @returns {Promise<{status: number, headers: http.IncomingHttpHeaders, text: string, json: any}>}
 */
export function call(origin, method, path, { headers = {}, body, raw } = {}) {
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const given = { ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }), ...headers };
  return new Promise((resolve, reject) => {
    const request = http.request(origin + path, { method, headers: given, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text, json: parse(text) }));
    });
    request.setTimeout(DEADLINE_MS, () => request.destroy(new Error(`${method} ${path.split('?')[0]}: no reply within ${DEADLINE_MS} ms`)));
    request.on('error', reject);
    request.end(payload);
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A person's client: cookie and Origin as a browser sends them. */
export class Person {
  constructor(origin, cookie) {
    this.origin = origin;
    this.cookie = cookie;
  }

  /** Spends a one-time link. */
  static async open(link) {
    const { origin, pathname, search } = new URL(link);
    const reply = await call(origin, 'GET', pathname + search);
    const cookie = (reply.headers['set-cookie'] ?? [])[0]?.split(';')[0];
    if (!cookie) throw new Error(`the link gave no cookie: status ${reply.status}`);
    return new Person(origin, cookie);
  }

  call(method, path, options = {}) {
    return call(this.origin, method, path, { ...options, headers: { cookie: this.cookie, origin: this.origin, ...options.headers } });
  }

  async get(path) {
    const reply = await this.call('GET', path);
    if (reply.status !== 200) throw new Error(`GET ${path}: ${reply.status} ${reply.text.slice(0, 300)}`);
    return reply.json;
  }

  session(id) {
    return this.get(`/api/session/${id}`);
  }

  async provider(id) {
    return (await this.get('/api/providers')).providers.find((provider) => provider.id === id);
  }
}
