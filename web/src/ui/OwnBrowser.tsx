//! What both ways through the person's own browser have: a link that says where it leads, the time that is left, and the
//! ways to sign in otherwise.

import { type ReactNode, useEffect, useState } from "react";
import type { Method, SessionView } from "../api/types";
import type { SignIn } from "../app/signin";
import { linkOf } from "../session/link";
import { duration } from "../session/phases";
import { AnotherWay } from "./AnotherWay";
import { OpenIcon } from "./icons";
import { CopyButton, FocusedHeading } from "./parts";

const TICK_MS = 1_000;

/** What each of the two panels is given. */
export interface PanelProps {
  signIn: SignIn;
  name: string;
  view: SessionView;
  /** The provider's other methods. */
  others: readonly Method[];
  isSwitching: boolean;
}

interface FrameProps extends PanelProps {
  children: ReactNode;
}

export function OwnBrowser({ signIn, name, view, others, isSwitching, children }: FrameProps) {
  return (
    <section className="panel own-browser">
      <header>
        <FocusedHeading>Sign in to {name} in your own browser</FocusedHeading>
        <p className="quiet">
          This page goes on by itself when you are done.
          <TimeLeft until={view.deadlineAt ?? undefined} />
        </p>
      </header>
      <ol className="own-steps">{children}</ol>
      {others.length > 0 && (
        <footer>
          <AnotherWay signIn={signIn} others={others} isSwitching={isSwitching} />
        </footer>
      )}
    </section>
  );
}

/** A link as people can judge it: its host in plain letters, the whole of it below. */
export function SignInLink({ url }: { url: string }) {
  const link = linkOf(url);
  return (
    <>
      {link && (
        <p>
          It leads to <strong className="link-host">{link.host}</strong>
        </p>
      )}
      <div className="actions">
        {link && (
          <a
            className="button primary"
            href={link.href}
            target="_blank"
            rel="noopener noreferrer"
            data-sign-in-link
          >
            Open the link
            <OpenIcon />
            <span className="off-screen">in a new tab</span>
          </a>
        )}
        <CopyButton text={url} label="Copy link" />
      </div>
      <p className="url">{url}</p>
    </>
  );
}

/** By this computer's clock; one that is ahead of the server's by all of it shows none rather than a wrong end. */
function TimeLeft({ until }: { until: number | undefined }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  if (until === undefined || until <= now) return null;
  return (
    <span className="time-left" role="timer">
      {duration(until - now)} left.
    </span>
  );
}
