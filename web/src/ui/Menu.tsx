//! A button that opens a menu, as people know it from menus (WAI-ARIA's menu button). Choosing an item is the act itself.

import {
  type ComponentProps,
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { moveFor } from "./menu";

interface MenuProps {
  /** What the list is of, for those who don't see it. */
  of: string;
  /** The button's look beside `button`. */
  look: string;
  /** What the button says to those who don't see its sign. */
  label?: string | undefined;
  /** What is on the button. */
  face: ReactNode;
  disabled?: boolean | undefined;
  /** The list's look beside `item-menu`. */
  className: string;
  /** `MenuItem`s. */
  children: ReactNode;
}

type End = "first" | "last";

export function Menu({ of, look, label, face, disabled, className, children }: MenuProps) {
  const [openAt, setOpenAt] = useState<End>();
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
    setOpenAt(event.key === "ArrowUp" ? "last" : "first");
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
        onClick={() => setOpenAt(isOpen ? undefined : "first")}
        onKeyDown={openByKey}
      >
        {face}
      </button>
      {isOpen && (
        <Items
          id={id}
          of={of}
          className={className}
          startAt={openAt}
          button={button}
          onClose={close}
          onLeave={() => setOpenAt(undefined)}
        >
          {children}
        </Items>
      )}
    </>
  );
}

interface ItemsProps {
  id: string;
  of: string;
  className: string;
  startAt: End;
  button: React.RefObject<HTMLButtonElement | null>;
  /** Back to the button. */
  onClose: () => void;
  /** The person is somewhere else already. */
  onLeave: () => void;
  children: ReactNode;
}

function Items({ id, of, className, startAt, button, onClose, onLeave, children }: ItemsProps) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.scrollIntoView({ block: "nearest" });
    itemsOf(list.current)
      .at(startAt === "first" ? 0 : -1)
      ?.focus();
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
    const all = itemsOf(list.current);
    const move = moveFor(event.key, all.indexOf(document.activeElement as HTMLElement), all.length);
    if (move === undefined) return;
    // Tab goes on from the button.
    if (move !== "leave") event.preventDefault();
    if (typeof move === "object") all[move.to]?.focus();
    else onClose();
  };
  return (
    // What an item opens is drawn after this, and so gives the focus back to the button.
    <div
      ref={list}
      id={id}
      role="menu"
      className={`item-menu ${className}`}
      aria-label={of}
      onClick={onClose}
      onKeyDown={onKeyDown}
    >
      {children}
    </div>
  );
}

function itemsOf(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>("button") ?? [])];
}

export function MenuItem(props: ComponentProps<"button">) {
  return <button type="button" role="menuitem" tabIndex={-1} {...props} />;
}
