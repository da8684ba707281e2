//! Small parts that several views share.

import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { copyText } from "../app/copy";

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

/** Asks before something that can't be undone. The browser's own dialog keeps the focus and takes Escape. */
export function Confirm({ title, children, confirm, keep, isBusy, onConfirm, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="confirm"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      <div className="confirm-text">{children}</div>
      <div className="actions">
        {/* biome-ignore lint/a11y/noAutofocus: a dialog's focus begins at the harmless choice */}
        <button type="button" className="button" autoFocus onClick={onClose}>
          {keep}
        </button>
        <button type="button" className="button danger" disabled={isBusy ?? false} onClick={onConfirm}>
          {confirm}
        </button>
      </div>
    </dialog>
  );
}
