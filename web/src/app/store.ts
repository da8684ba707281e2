//! The smallest store: a value that views can subscribe to. A change is a new value.

import { useSyncExternalStore } from "react";

export interface Readable<T> {
  subscribe: (listener: () => void) => () => void;
  snapshot: () => T;
}

export class Store<T> implements Readable<T> {
  readonly #listeners = new Set<() => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): T => this.#value;
}

/** A component's view of a store. */
export function useStore<T>(store: Readable<T>): T {
  return useSyncExternalStore(store.subscribe, store.snapshot);
}
