//! The form of a new token. Its value goes to whoever has opened the form, and not to somebody who has closed it.

import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import type { Scope, TokenMade } from "../api/types";
import { DAYS, type Field, isIncluded, SCOPES, toSend, USUAL_DAYS, WORDS, type Wrong } from "../app/scopes";
import { makeToken } from "../app/tokens";
import { OpenedPanel } from "./parts";

interface NewTokenProps {
  onMade: (made: TokenMade) => void;
  onClose: () => void;
}

export function NewToken({ onMade, onClose }: NewTokenProps) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<Scope>>(new Set());
  const [days, setDays] = useState<number>(USUAL_DAYS);
  const [isSending, setSending] = useState(false);
  const [wrong, setWrong] = useState<Wrong>();
  const form = useRef<HTMLFormElement>(null);
  const isShown = useRef(true);
  useEffect(() => {
    isShown.current = true;
    return () => {
      isShown.current = false;
    };
  }, []);
  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (isSending) return;
    setSending(true);
    const got = await makeToken({ name: name.trim(), scopes: toSend(chosen), days });
    // Whoever has left does not get the value: nobody would see it, and it would still be there.
    if (!isShown.current) return;
    setSending(false);
    if (got.kind === "made") return onMade(got.made);
    setWrong(got.wrong);
    form.current?.querySelector<HTMLElement>(`[data-field="${got.wrong.field}"]`)?.focus();
  };
  const why = (field: Field) => (wrong?.field === field ? wrong.detail : undefined);
  return (
    <OpenedPanel name="New token" className="list-panel" onClose={onClose}>
      <h2>New token</h2>
      <form
        ref={form}
        className="fields"
        autoComplete="off"
        noValidate
        onSubmit={(event) => void send(event)}
      >
        <Name value={name} why={why("name")} onChange={setName} />
        <Scopes chosen={chosen} why={why("scopes")} onChange={setChosen} />
        <Lifetime days={days} why={why("days")} onChange={setDays} />
        {wrong && wrong.field === undefined && (
          <p className="error" role="alert">
            {wrong.detail}
          </p>
        )}
        <div className="actions">
          <button type="submit" className="button primary" aria-disabled={isSending}>
            {isSending ? "Making it…" : "Make the token"}
          </button>
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </OpenedPanel>
  );
}

interface FieldProps {
  /** What is wrong with it. */
  why: string | undefined;
}

function Why({ id, why }: { id: string; why: string | undefined }) {
  return (
    <p id={id} className="error" role="alert">
      {why}
    </p>
  );
}

function Name({ value, why, onChange }: FieldProps & { value: string; onChange: (name: string) => void }) {
  const ids = { field: useId(), why: useId() };
  return (
    <div className="field">
      <label htmlFor={ids.field}>Name</label>
      <input
        id={ids.field}
        data-field="name"
        type="text"
        autoComplete="off"
        spellCheck={false}
        // biome-ignore lint/a11y/noAutofocus: the person has just asked for this form
        autoFocus
        placeholder="What it is for, e.g. nightly build"
        aria-required
        aria-invalid={why !== undefined}
        aria-describedby={ids.why}
        value={value}
        onChange={({ target }) => onChange(target.value)}
      />
      <Why id={ids.why} why={why} />
    </div>
  );
}

interface ScopesProps extends FieldProps {
  chosen: ReadonlySet<Scope>;
  onChange: (chosen: ReadonlySet<Scope>) => void;
}

function Scopes({ chosen, why, onChange }: ScopesProps) {
  const id = useId();
  const choose = (scope: Scope, isChosen: boolean) => {
    const next = new Set(chosen);
    if (isChosen) next.add(scope);
    else next.delete(scope);
    onChange(next);
  };
  return (
    <fieldset className="field" aria-describedby={id}>
      <legend>What it may do</legend>
      {SCOPES.map((scope, at) => (
        <ScopeBox
          key={scope}
          scope={scope}
          isFirst={at === 0}
          isIncluded={isIncluded(scope, chosen)}
          isChosen={chosen.has(scope)}
          onChoose={(isChosen) => choose(scope, isChosen)}
        />
      ))}
      <Why id={id} why={why} />
    </fieldset>
  );
}

interface ScopeBoxProps {
  scope: Scope;
  /** It gets the focus when something is wrong with the scopes. */
  isFirst: boolean;
  isIncluded: boolean;
  isChosen: boolean;
  onChoose: (isChosen: boolean) => void;
}

function ScopeBox({ scope, isFirst, isIncluded, isChosen, onChoose }: ScopeBoxProps) {
  const ids = { box: useId(), opens: useId() };
  const { name, opens } = WORDS[scope];
  return (
    <div className="scope">
      <input
        id={ids.box}
        type="checkbox"
        data-field={isFirst ? "scopes" : undefined}
        data-scope={scope}
        aria-describedby={ids.opens}
        checked={isChosen || isIncluded}
        disabled={isIncluded}
        onChange={({ target }) => onChoose(target.checked)}
      />
      <label htmlFor={ids.box}>{name}</label>
      <p id={ids.opens} className="quiet">
        {opens}
      </p>
    </div>
  );
}

function Lifetime({ days, why, onChange }: FieldProps & { days: number; onChange: (days: number) => void }) {
  const ids = { field: useId(), why: useId() };
  return (
    <div className="field">
      <label htmlFor={ids.field}>Expires after</label>
      <select
        id={ids.field}
        data-field="days"
        aria-invalid={why !== undefined}
        aria-describedby={ids.why}
        value={days}
        onChange={({ target }) => onChange(Number(target.value))}
      >
        {DAYS.map((count) => (
          <option key={count} value={count}>
            {count} days
          </option>
        ))}
      </select>
      <Why id={ids.why} why={why} />
    </div>
  );
}
