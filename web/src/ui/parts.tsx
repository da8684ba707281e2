//! Small parts that several views share.

import {
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { copyText } from "../app/copy";
import { exactly } from "../app/time";

/** A provider's letters. Neutral on purpose: a mark of somebody else's is not ours to show. */
export function Monogram({ name }: { name: string }) {
  const letters = name
    .split(/\s+/)
    .map((word) => word[0] ?? "")
    .join("")
    .slice(0, 2);
  return (
    <span className="monogram" aria-hidden="true">
      {letters.length > 1 ? letters.toUpperCase() : name.slice(0, 2)}
    </span>
  );
}

/** A heading that takes the focus when its view appears, so that a screen reader begins there. */
export function FocusedHeading({ children, className }: { children: ReactNode; className?: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <h1 ref={heading} tabIndex={-1} className={className}>
      {children}
    </h1>
  );
}

/** A time in words, with all of it for machines and for whoever points at it. */
export function Time({ at, children }: { at: number; children: ReactNode }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={exactly(at)}>
      {children}
    </time>
  );
}

/** Copies a text, and says so for a moment. The label keeps its width, so nothing moves. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState<"no" | "yes" | "failed">("no");
  useEffect(() => {
    if (copied === "no") return;
    const timer = setTimeout(() => setCopied("no"), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => copyText(text).then((done) => setCopied(done ? "yes" : "failed"));
  const words = { no: label, yes: "Copied", failed: "Select and copy it yourself" };
  return (
    <button type="button" className="button" onClick={() => void copy()}>
      <span aria-live="polite">{words[copied]}</span>
    </button>
  );
}

interface OpenedPanelProps {
  name: string;
  /** Its look beside `panel`. */
  className: string;
  onClose: () => void;
  children: ReactNode;
}

/** A panel that the person has opened within the page: Escape closes it, wherever in it the focus is. */
export function OpenedPanel({ name, className, onClose, children }: OpenedPanelProps) {
  const leave = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
  };
  return (
    <section className={`panel ${className}`} aria-label={name} onKeyDown={leave}>
      {children}
    </section>
  );
}

interface DialogProps {
  title: string;
  /** Its look beside `dialog`. */
  className?: string;
  onClose: () => void;
  children: ReactNode;
}

/** The browser's own dialog: it keeps the focus, takes Escape, and gives the focus back. */
export function Dialog({ title, className = "", onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // It has to be closed while it is still in the page: only then the focus goes back to where it came from.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={`dialog ${className}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  children: ReactNode;
  confirm: string;
  keep: string;
  /** What was confirmed is being done; the person may close, and it goes on. */
  isBusy?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something that can't be undone. */
export function Confirm({ title, children, confirm, keep, isBusy, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="dialog-text">{children}</div>
      <div className="actions">
        {/* biome-ignore lint/a11y/noAutofocus: a dialog's focus begins at the harmless choice */}
        <button type="button" className="button" autoFocus onClick={onClose}>
          {keep}
        </button>
        <button type="button" className="button danger" disabled={isBusy ?? false} onClick={onConfirm}>
          {confirm}
        </button>
      </div>
    </Dialog>
  );
}
