//! The versions of a credential that are kept: when each was saved, where it came from, and a way back to it.

import { useEffect, useRef, useState } from "react";
import type { CredentialVersion } from "../api/types";
import { ago } from "../app/time";
import { originOf, restoreVersion, versionsOf } from "../app/versions";
import { AskInPlace } from "./AskInPlace";
import { HeldBy } from "./Holder";
import { Dialog, Time } from "./parts";

interface VersionsProps {
  /** The credential's. */
  id: string;
  /** The provider's. */
  name: string;
  onClose: () => void;
}

export function Versions({ id, name, onClose }: VersionsProps) {
  const [versions, setVersions] = useState<readonly CredentialVersion[] | string>();
  const [round, setRound] = useState(0);
  const [news, setNews] = useState("");
  const close = useRef<HTMLButtonElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each round reads them anew
  useEffect(() => {
    const shown = new AbortController();
    void versionsOf(id, shown.signal).then((got) => {
      if (!shown.signal.aborted) setVersions(got);
    });
    return () => shown.abort();
  }, [id, round]);
  const restored = (from: number, to: number) => {
    setNews(`Version ${from} is restored, as version ${to}.`);
    setRound(round + 1);
    // Its own button may be gone with the oldest version.
    close.current?.focus();
  };
  return (
    <Dialog title={`Versions of ${name}`} className="versions" onClose={onClose}>
      <p className="quiet">
        Each sign-in and each change by a run makes a new version. The last five are kept.
      </p>
      {versions === undefined && <p className="quiet">Loading…</p>}
      {typeof versions === "string" && (
        <p className="error" role="alert">
          The versions could not be fetched. {versions}
        </p>
      )}
      {typeof versions === "object" && (
        <ul>
          {versions.map((version) => (
            <Row key={version.version} id={id} name={name} version={version} onRestored={restored} />
          ))}
        </ul>
      )}
      <div className="versions-end">
        <p className="quiet" role="status">
          {news}
        </p>
        <button ref={close} type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

interface RowProps {
  id: string;
  name: string;
  version: CredentialVersion;
  onRestored: (from: number, to: number) => void;
}

function Row({ id, name, version, onRestored }: RowProps) {
  const { version: number, savedAt, account, isCurrent } = version;
  const restore = async () => {
    const got = await restoreVersion(id, number);
    if (got.kind === "failed") return `It was not restored. ${got.detail}`;
    if (got.kind === "in-use") return <InUse holder={got.holder} name={name} />;
    onRestored(number, got.version);
  };
  return (
    <li className="row" data-version={number} data-current={isCurrent || undefined}>
      <div>
        <h3>Version {number}</h3>
        <p className="quiet">
          {originOf(version)} <Time at={savedAt}>{ago(savedAt, Date.now())}</Time>
          {account && `, ${account}`}
        </p>
      </div>
      {isCurrent ? (
        <span className="status good">Current</span>
      ) : (
        <AskInPlace
          face={
            <>
              Restore <span className="off-screen">version {number}</span>
            </>
          }
          look=""
          question="Runs from now on get this version. If it has a refresh token that works only once, and that was used since, it may not work any more."
          confirm="Restore it"
          busy="Restoring…"
          keep="Leave it"
          act={restore}
        />
      )}
    </li>
  );
}

function InUse({ holder, name }: Parameters<typeof HeldBy>[0]) {
  return (
    <>
      It is used <HeldBy holder={holder} name={name} />. Stop that run first.
    </>
  );
}
