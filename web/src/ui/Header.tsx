//! The line above the pages that are no desktop: the product, ways to other pages, the colours.

import { useStore } from "../app/store";
import { nextTheme, type Theme, theme } from "../app/theme";
import { DarkIcon, LightIcon, Mark, SystemIcon } from "./icons";

interface HeaderProps {
  name?: string | undefined;
  at: "dashboard" | "connection" | "machines" | "tokens";
}

const PAGES = [
  ["machines", "Machines"],
  ["tokens", "Tokens"],
  ["connection", "Connection"],
] as const;

export function Header({ name, at }: HeaderProps) {
  return (
    <header className="header">
      <a className="brand" href="#/" aria-label="Anteroom: connections">
        <Mark />
        <span className="brand-name">Anteroom</span>
      </a>
      <nav className="header-end" aria-label="Pages">
        {PAGES.map(([page, word]) => (
          <a
            key={page}
            className="header-link"
            href={`#/${page}`}
            aria-current={at === page ? "page" : undefined}
          >
            {word}
          </a>
        ))}
        {name && <span className="quiet wide-only">{name}</span>}
        <ThemeButton />
      </nav>
    </header>
  );
}

const THEMES: Record<Theme, { label: string; icon: () => React.JSX.Element }> = {
  system: { label: "Colours: as the system", icon: SystemIcon },
  light: { label: "Colours: light", icon: LightIcon },
  dark: { label: "Colours: dark", icon: DarkIcon },
};

function ThemeButton() {
  const { label, icon: Icon } = THEMES[useStore(theme)];
  return (
    <button type="button" className="button icon-only" aria-label={label} title={label} onClick={nextTheme}>
      <Icon />
    </button>
  );
}
