// The mock controller's personal tokens: in memory. They open nothing here.

import { randomBytes } from "node:crypto";
import { makeId, Refused } from "./sessions.mjs";

const DAY_MS = 86_400_000;
const MAX_NAME = 64;
const MAX_DAYS = 365;
const SCOPES = new Set(["read", "connect", "run", "manage"]);

export class Tokens {
  /** Newest first. */
  views = [];
  /** The values that were told, newest last. */
  told = [];
  /** Why the next new one is refused. */
  refuses = undefined;

  answer({ method, path, body }) {
    const [, id] = /^\/api\/tokens\/([^/]+)$/.exec(path) ?? [];
    if (id) return this.#revoke(id);
    return method === "POST" ? this.#make(body) : { body: { tokens: this.views } };
  }

  /**
   * One that was made earlier.
   * @param {string} name
   * @param {string[]} scopes
   * @param {{ daysAgo?: number, days?: number, usedDaysAgo?: number }} when
   */
  made(name, scopes, { daysAgo = 0, days = 30, usedDaysAgo } = {}) {
    const createdAt = Date.now() - daysAgo * DAY_MS;
    const used = usedDaysAgo !== undefined && { lastUsedAt: Date.now() - usedDaysAgo * DAY_MS };
    const view = {
      id: makeId("tok_"),
      name,
      scopes,
      createdAt,
      expiresAt: createdAt + days * DAY_MS,
      ...used,
    };
    this.views = [view, ...this.views];
    return view;
  }

  #make({ name, scopes, days }) {
    if (this.refuses) throw this.refuses;
    if (!name || [...name].length > MAX_NAME) throw invalid("name", "A name has 1 to 64 characters.");
    if (scopes.length === 0 || !scopes.every((scope) => SCOPES.has(scope)))
      throw invalid("scopes", "There is at least one scope, and each is a known one.");
    if (!(days >= 1 && days <= MAX_DAYS)) throw invalid("days", "A token lives 1 to 365 days.");
    const token = randomBytes(32).toString("base64url");
    this.told.push(token);
    return { status: 201, body: { token, view: this.made(name, scopes, { days }) } };
  }

  #revoke(id) {
    if (!this.views.some((view) => view.id === id))
      throw new Refused(404, "not-found", "There is no such token.");
    this.views = this.views.filter((view) => view.id !== id);
    return { status: 204 };
  }
}

function invalid(field, detail) {
  return new Refused(422, "invalid", detail, { field });
}
