//! A button that opens the ways to sign in as a menu. Choosing one is the act itself.

import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import type { Method } from "../api/types";
import { WAYS } from "../session/methods";
import { CheckIcon, ChevronIcon } from "./icons";
import { moveFor } from "./menu";

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
  const [openAt, setOpenAt] = useState<number>();
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const isOpen = openAt !== undefined;
  const close = () => {
    setOpenAt(undefined);
    button.current?.focus();
  };
  const openByKey = (event: KeyboardEvent) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    setOpenAt(event.key === "ArrowUp" ? methods.length - 1 : 0);
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={`button ${look}`}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        aria-label={label}
        title={label}
        disabled={disabled}
        onClick={() => setOpenAt(isOpen ? undefined : 0)}
        onKeyDown={openByKey}
      >
        {children}
        <ChevronIcon />
      </button>
      {isOpen && (
        <Ways
          id={id}
          methods={methods}
          marked={marked}
          startAt={openAt}
          button={button}
          onClose={close}
          onLeave={() => setOpenAt(undefined)}
          onChoose={(method) => {
            close();
            onChoose(method);
          }}
        />
      )}
    </>
  );
}

interface WaysProps {
  id: string;
  methods: readonly Method[];
  marked: Method | undefined;
  startAt: number;
  button: React.RefObject<HTMLButtonElement | null>;
  /** Back to the button. */
  onClose: () => void;
  /** The person is somewhere else already. */
  onLeave: () => void;
  onChoose: (method: Method) => void;
}

function Ways({ id, methods, marked, startAt, button, onClose, onLeave, onChoose }: WaysProps) {
  const list = useRef<HTMLDivElement>(null);
  const items = () => [...(list.current?.querySelectorAll<HTMLElement>("button") ?? [])];
  useEffect(() => {
    list.current?.scrollIntoView({ block: "nearest" });
    list.current?.querySelectorAll<HTMLElement>("button")[startAt]?.focus();
  }, [startAt]);
  useEffect(() => {
    const elsewhere = ({ target }: Event) => {
      const isHere = list.current?.contains(target as Node) || button.current?.contains(target as Node);
      if (!isHere) onLeave();
    };
    document.addEventListener("pointerdown", elsewhere);
    return () => document.removeEventListener("pointerdown", elsewhere);
  }, [button, onLeave]);
  const onKeyDown = (event: KeyboardEvent) => {
    const all = items();
    const move = moveFor(event.key, all.indexOf(document.activeElement as HTMLElement), all.length);
    if (move === undefined) return;
    // Tab goes on from the button.
    if (move !== "leave") event.preventDefault();
    if (typeof move === "object") all[move.to]?.focus();
    else onClose();
  };
  return (
    <div
      ref={list}
      id={id}
      role="menu"
      className="method-menu"
      aria-label="Ways to sign in"
      onKeyDown={onKeyDown}
    >
      {methods.map((method) => (
        <button
          key={method}
          type="button"
          role="menuitem"
          tabIndex={-1}
          data-method={method}
          data-marked={method === marked || undefined}
          onClick={() => onChoose(method)}
        >
          {marked && <span className="method-sign">{method === marked && <CheckIcon />}</span>}
          <span>
            {WAYS[method]}
            {method === marked && <span className="off-screen">, as it is now</span>}
          </span>
        </button>
      ))}
    </div>
  );
}
