//! The ways to sign in, in words. Pure.

import type { Method } from "../api/types";

/** What a person does, and where. */
export const WAYS: Record<Method, string> = {
  desktop: "In a browser that runs in the machine",
  device: "With a code, in your own browser",
  paste: "With a link, in your own browser; you bring the code back",
};
