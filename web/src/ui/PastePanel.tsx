//! A sign-in with a link: where to sign in, and a field for what the person brings back. That text is a secret: it stands in
//! the field alone, which has no name and is emptied once the text was sent, and in no state of the page.

import { type FormEvent, useId, useRef, useState } from "react";
import type { SignIn } from "../app/signin";
import { OwnBrowser, type PanelProps, SignInLink } from "./OwnBrowser";

export function PastePanel(props: PanelProps) {
  const { signIn, view } = props;
  return (
    <OwnBrowser {...props}>
      <li>
        <h2>Sign in by this link</h2>
        <SignInLink url={view.loginUrl?.url ?? ""} />
      </li>
      <li>
        <h2>Bring the code back</h2>
        <p className="quiet">
          At the end you see a code, or a page that can't be reached, whose address begins with{" "}
          <code>http://localhost</code> or <code>http://127.0.0.1</code>. That is right: only the machine can
          reach it. Copy the code, or the whole address.
        </p>
        <PasteField signIn={signIn} pasted={view.pasted} refused={view.pasteRefused ?? undefined} />
      </li>
    </OwnBrowser>
  );
}

type Sending = { at: "idle" } | { at: "sending" } | { at: "failed"; why: string };

interface PasteFieldProps {
  signIn: SignIn;
  pasted: number;
  /** What the machine says of the last text, when that does not help. */
  refused: string | undefined;
}

function PasteField({ signIn, pasted, refused }: PasteFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  const [sending, setSending] = useState<Sending>({ at: "idle" });
  const ids = { field: useId(), news: useId() };
  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (sending.at === "sending" || !field.current) return;
    setSending({ at: "sending" });
    // What surrounds a text is selected by accident with it.
    const why = await signIn.paste(field.current.value.trim());
    setSending(why === undefined ? { at: "idle" } : { at: "failed", why });
    if (why === undefined && field.current) field.current.value = "";
    field.current?.focus();
  };
  return (
    <form className="paste" autoComplete="off" onSubmit={(event) => void send(event)} data-pasted={pasted}>
      <label htmlFor={ids.field}>Paste the code, or the address of the page that could not be reached</label>
      <div className="paste-row">
        <input
          ref={field}
          id={ids.field}
          type="text"
          required
          readOnly={sending.at === "sending"}
          autoComplete="off"
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          aria-describedby={ids.news}
          aria-invalid={sending.at === "failed"}
        />
        <button type="submit" className="button primary" disabled={sending.at === "sending"}>
          {sending.at === "sending" ? "Sending…" : "Send"}
        </button>
      </div>
      <p id={ids.news} className="paste-news" aria-live="polite">
        {sending.at === "failed" ? (
          <span className="error">It was not taken. {sending.why}</span>
        ) : refused !== undefined && sending.at === "idle" ? (
          <span className="error">{refused}</span>
        ) : (
          <Checking pasted={pasted} />
        )}
      </p>
    </form>
  );
}

function Checking({ pasted }: { pasted: number }) {
  if (pasted === 0) return null;
  return (
    <>
      {pasted === 1 ? "Sent." : `Sent ${pasted} times.`} The CLI is checking it. If this page does not go on
      in a moment, open the link again and paste the new code.
    </>
  );
}
