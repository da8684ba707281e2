//! A link that a person opens in a browser of their own. Pure.

export interface SignInLink {
  readonly href: string;
  /** Where it leads, as the browser will show it: without a user's name, in the ASCII form of a name in other letters. */
  readonly host: string;
}

/** The link of a URL; nothing when it is none that a browser opens as a page. The server trusts its host already. */
export function linkOf(url: string): SignInLink | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, host, href } = new URL(url);
  return protocol === "https:" || protocol === "http:" ? { href, host } : undefined;
}
