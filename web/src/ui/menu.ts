//! What a key does in an open menu, as people know it from menus (WAI-ARIA's menu button). Pure.

export type MenuMove = { to: number } | "close" | "leave" | undefined;

/** The item that gets the focus, or that the menu closes: `leave` lets the key go on to where it belongs. */
export function moveFor(key: string, from: number, count: number): MenuMove {
  switch (key) {
    case "ArrowDown":
      return { to: (from + 1) % count };
    case "ArrowUp":
      return { to: from <= 0 ? count - 1 : from - 1 };
    case "Home":
      return { to: 0 };
    case "End":
      return { to: count - 1 };
    case "Escape":
      return "close";
    case "Tab":
      return "leave";
    default:
      return undefined;
  }
}
