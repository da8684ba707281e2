//! The desktop that this very tab has shown, so that a reload is told apart from a page that came later. Only sessions with a
//! desktop are remembered.

const KEY = "anteroom.session";

/** Whether this tab has had the session's desktop before: then it is a reload, and nobody else's desktop was taken. */
export function isThisTabs(sessionId: string): boolean {
  try {
    return sessionStorage.getItem(KEY) === sessionId;
  } catch {
    return false;
  }
}

export function rememberTab(sessionId: string): void {
  try {
    sessionStorage.setItem(KEY, sessionId);
  } catch {
    // A browser that keeps nothing only shows one more button, and asks once more what kind of sign-in it is.
  }
}
