//! A button that opens the ways to sign in as a menu.

import type { ReactNode } from "react";
import type { Method } from "../api/types";
import { WAYS } from "../session/methods";
import { CheckIcon, ChevronIcon } from "./icons";
import { Menu, MenuItem } from "./Menu";

interface MethodMenuProps {
  methods: readonly Method[];
  /** The one that is taken without choosing. */
  marked?: Method;
  /** The button's look beside `button`. */
  look: string;
  /** What the button says to those who don't see its sign. */
  label?: string;
  children?: ReactNode;
  disabled?: boolean;
  onChoose: (method: Method) => void;
}

export function MethodMenu({ methods, marked, look, label, children, disabled, onChoose }: MethodMenuProps) {
  const face = (
    <>
      {children}
      <ChevronIcon />
    </>
  );
  return (
    <Menu
      of="Ways to sign in"
      className="method-menu"
      look={look}
      label={label}
      face={face}
      disabled={disabled}
    >
      {methods.map((method) => (
        <MenuItem
          key={method}
          data-method={method}
          data-marked={method === marked || undefined}
          onClick={() => onChoose(method)}
        >
          {marked && <span className="method-sign">{method === marked && <CheckIcon />}</span>}
          <span>
            {WAYS[method]}
            {method === marked && <span className="off-screen">, as it is now</span>}
          </span>
        </MenuItem>
      ))}
    </Menu>
  );
}
