//! Drawn signs, all on one 20-pixel grid with one stroke. Each is decoration beside a word, or its button has a label.

import type { ReactNode } from "react";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

/** The product's sign: an arch with a door that stands open. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect className="mark-ground" width="32" height="32" rx="8" />
      <path className="mark-arch" d="M9 25V13a7 7 0 0 1 14 0v12" />
      <path className="mark-door" d="M13.2 25V14.4l5.6-2.2V25" />
    </svg>
  );
}

export const BackIcon = () => (
  <Icon>
    <path d="M11.5 4.5 6 10l5.5 5.5" />
  </Icon>
);

export const LinkIcon = () => (
  <Icon>
    <path d="M8.5 11.5a3 3 0 0 0 4.2 0l2.8-2.8a3 3 0 0 0-4.2-4.2l-.9.9" />
    <path d="M11.5 8.5a3 3 0 0 0-4.2 0l-2.8 2.8a3 3 0 0 0 4.2 4.2l.9-.9" />
  </Icon>
);

export const StepsIcon = () => (
  <Icon>
    <path d="m3.5 5.5 1.2 1.2L7 4.4M3.5 14l1.2 1.2L7 12.9" />
    <path d="M10 5.5h6.5M10 14h6.5" />
  </Icon>
);

export const FullScreenIcon = () => (
  <Icon>
    <path d="M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4" />
  </Icon>
);

export const EyeIcon = () => (
  <Icon>
    <path d="M2.5 10S5.3 5 10 5s7.5 5 7.5 5-2.8 5-7.5 5-7.5-5-7.5-5z" />
    <circle cx="10" cy="10" r="2.3" />
  </Icon>
);

export const WallIcon = () => (
  <Icon>
    <path d="M3.5 4.5h13v11h-13zM3.5 10h13M10 4.5V10M7 10v5.5M13 10v5.5" />
  </Icon>
);

export const ChevronIcon = () => (
  <Icon>
    <path d="m6 8 4 4 4-4" />
  </Icon>
);

/** A page that opens beside this one. */
export const OpenIcon = () => (
  <Icon>
    <path d="M11.5 4.5h4v4M15.5 4.5 9.5 10.5M15.5 11.5v4h-11v-11h4" />
  </Icon>
);

export const CheckIcon = () => (
  <Icon>
    <path d="m4.5 10.5 3.6 3.6 7.4-8" />
  </Icon>
);

export const AlertIcon = () => (
  <Icon>
    <path d="M10 5.5v5.5M10 14.4v.1" />
  </Icon>
);

export const SystemIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="6.2" />
    <path className="icon-fill" d="M10 3.8a6.2 6.2 0 0 1 0 12.4z" />
  </Icon>
);

export const LightIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="3.2" />
    <path d="M10 2.8v1.6M10 15.6v1.6M2.8 10h1.6M15.6 10h1.6M4.9 4.9 6 6M14 14l1.1 1.1M4.9 15.1 6 14M14 6l1.1-1.1" />
  </Icon>
);

export const DarkIcon = () => (
  <Icon>
    <path d="M15.8 12.2A6.4 6.4 0 0 1 7.8 4.2a6.4 6.4 0 1 0 8 8z" />
  </Icon>
);

export const SearchIcon = () => (
  <Icon>
    <circle cx="9" cy="9" r="4.8" />
    <path d="m12.6 12.6 3.9 3.9" />
  </Icon>
);

export const CopyIcon = () => (
  <Icon>
    <path d="M7.5 7.5h8v9h-8zM12.5 7.5v-4h-8v9h3" />
  </Icon>
);

export const PasteIcon = () => (
  <Icon>
    <path d="M7.5 5h-3v11.5h11V5h-3" />
    <path d="M7.5 3.5h5v3h-5z" />
  </Icon>
);

export const SmallerIcon = () => (
  <Icon>
    <path d="m3.5 15.5 4-10 4 10M5 12h5M13.5 10h4" />
  </Icon>
);

export const BiggerIcon = () => (
  <Icon>
    <path d="m3.5 15.5 4-10 4 10M5 12h5M13.5 10h4M15.5 8v4" />
  </Icon>
);

export const MoreIcon = () => (
  <Icon>
    <path className="icon-dots" d="M4.5 10v.1M10 10v.1M15.5 10v.1" />
  </Icon>
);

export const UpIcon = () => (
  <Icon>
    <path d="m6 12 4-4 4 4" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="m5.5 5.5 9 9M14.5 5.5l-9 9" />
  </Icon>
);
