// All secrets that a run has seen, so that its logs can be searched for each.

/** Below this a word may stand in a log by chance. */
const SHORTEST = 12;
const IS_JSON_WEB_TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export class Secrets {
  #known = new Map();

  add(kind, ...values) {
    for (const value of values) {
      if (typeof value === 'string' && value.length >= SHORTEST) this.#known.set(value, kind);
    }
  }

  get size() {
    return this.#known.size;
  }

  count(kind) {
    return [...this.#known.values()].filter((known) => known === kind).length;
  }

  /** Which kinds stand in a text, each with how many; the values are not repeated. A JSON Web Token is looked for
   * piece by piece, because a line may have cut it; of anything else with dots a piece may be no secret, as the state at the end of
   * a callback's address. */
  in(text) {
    const found = new Map();
    for (const [value, kind] of this.#known) {
      const pieces = IS_JSON_WEB_TOKEN.test(value) ? value.split('.').filter((piece) => piece.length >= SHORTEST) : [];
      const forms = new Set([value, ...pieces, encodeURIComponent(value), Buffer.from(value).toString('base64').replace(/=+$/, '')]);
      if ([...forms].some((form) => form.length >= SHORTEST && text.includes(form))) found.set(kind, (found.get(kind) ?? 0) + 1);
    }
    return found;
  }
}
