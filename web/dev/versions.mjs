// The mock controller's versions of credentials: in memory, metadata alone.

import { Refused } from "./sessions.mjs";

/** How many are kept of each. */
const KEPT = 5;

export class Versions {
  /** By the credential's id, newest first. */
  #all = new Map();

  /**
   * A new version: the one that is used from now on.
   * @param {string} id
   * @param {{ origin: string, account?: string, savedAt?: number }} saved
   */
  save(id, { origin, account, savedAt = Date.now() }) {
    const older = this.#all.get(id) ?? [];
    const version = (older[0]?.version ?? 0) + 1;
    this.#all.set(id, [{ version, savedAt, account, origin }, ...older].slice(0, KEPT));
  }

  of(id) {
    return this.#all.get(id).map((kept, at) => ({ ...kept, isCurrent: at === 0 }));
  }

  current(id) {
    return this.of(id)[0];
  }

  /** What an older one holds, as a new one. */
  restore(id, version) {
    const old = this.of(id).find((kept) => kept.version === version);
    if (!old) throw new Refused(404, "not-found", "This version is not kept any more.");
    this.save(id, { account: old.account, origin: "restore" });
  }
}
