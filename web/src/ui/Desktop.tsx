//! The place for the viewer's picture, and the field that takes the keys. It owns neither picture nor connection.

import { useEffect, useRef, useState } from "react";
import { Capture } from "../input/capture";
import type { Viewer } from "../viewer/viewer";

interface DesktopProps {
  viewer: Viewer;
  isLive: boolean;
  /** It was seen here, and no other page has it. */
  isOurs: boolean;
}

export function Desktop({ viewer, isLive, isOurs }: DesktopProps) {
  const surface = useRef<HTMLDivElement>(null);
  const keys = useRef<HTMLTextAreaElement>(null);
  const [tooLong, setTooLong] = useState(false);
  useEffect(() => {
    const place = surface.current;
    const field = keys.current;
    if (!place || !field) return;
    const abort = new AbortController();
    const { host } = viewer.picture;
    place.prepend(host);
    viewer.picture.resume();
    new Capture({
      surface: place,
      keys: field,
      viewer,
      onLeave: leave,
      onTooLong: () => setTooLong(true),
      signal: abort.signal,
    });
    return () => {
      abort.abort();
      // Only from here: another mount may have it already.
      if (host.parentElement === place) host.remove();
    };
  }, [viewer]);
  // With the first picture the person can type at once, without a click.
  useEffect(() => {
    if (isOurs) keys.current?.focus({ preventScroll: true });
  }, [isOurs]);
  useEffect(() => {
    if (!tooLong) return;
    const timer = setTimeout(() => setTooLong(false), 5000);
    return () => clearTimeout(timer);
  }, [tooLong]);
  return (
    <div ref={surface} className={isLive ? "surface live" : "surface"}>
      <textarea
        ref={keys}
        className="keys"
        aria-label="The machine's desktop. It takes all keys; Ctrl, Alt and Shift together leave it."
        autoCapitalize="off"
        autoComplete="off"
        autoCorrect="off"
        spellCheck={false}
        tabIndex={isOurs ? 0 : -1}
      />
      {tooLong && (
        <p className="toast" role="alert">
          That text is too long to paste: at most 64 kB at once.
        </p>
      )}
    </div>
  );
}

/** To the bar's first control, from where Tab goes on. */
function leave(): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  document.querySelector<HTMLElement>(".bar button")?.focus();
}
