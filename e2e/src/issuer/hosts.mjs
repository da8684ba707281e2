// Names that the issuer answers for. They are the production hosts of the CLIs, so that the command lines and
// the CLIs' own URLs stay as people use them; only a machine's hosts file and one more CA lead here.

export const CODEX = 'auth.openai.com';
export const WRANGLER = 'dash.cloudflare.com';
/** Where Wrangler asks whose its tokens are. */
export const WRANGLER_API = 'api.cloudflare.com';
/** It sends the browser here when it has finished. */
export const WRANGLER_END = 'welcome.developers.workers.dev';
/** Where Claude Code sends the browser at first. */
export const CLAUDE = 'claude.com';
/** Where it has its tokens, and where it sends the browser when it has finished. */
export const CLAUDE_PLATFORM = 'platform.claude.com';
/** Where it asks whose they are. */
export const CLAUDE_API = 'api.anthropic.com';
/** Where a person types the device code of GitHub's CLI, and where that has its token. */
export const GITHUB = 'github.com';
/** Where it asks whose it is. */
export const GITHUB_API = 'api.github.com';
/** Where Gemini CLI sends the browser. */
export const GOOGLE = 'accounts.google.com';
/** Where it has its tokens. */
export const GOOGLE_TOKENS = 'oauth2.googleapis.com';
/** Where it asks whose they are. */
export const GOOGLE_API = 'www.googleapis.com';
/** The page that shows a code to paste into it. */
export const GOOGLE_CODE = 'codeassist.google.com';
/** Where it asks what the person may use, before it takes them for signed in. */
export const GOOGLE_PLAN = 'cloudcode-pa.googleapis.com';
/** Gemini CLI sends the browser here when it has finished. */
export const GOOGLE_END = 'developers.google.com';
/** Where Firebase CLI sends a person who has no browser beside it, and where they end with a code to paste. */
export const FIREBASE_PAGES = 'auth.firebase.tools';
/** Where it asks for a person's projects. */
export const FIREBASE_API = 'firebase.googleapis.com';
/** Where it asks at each start for news of itself. */
export const FIREBASE_NEWS = 'firebase-public.firebaseio.com';
/** Pages of the tests' and the benchmark's own. */
export const STAGE = 'stage.anteroom.test';

export const ALL = [CODEX, WRANGLER, WRANGLER_API, WRANGLER_END, CLAUDE, CLAUDE_PLATFORM, CLAUDE_API, GITHUB, GITHUB_API, GOOGLE, GOOGLE_TOKENS,
  GOOGLE_API, GOOGLE_CODE, GOOGLE_PLAN, GOOGLE_END, FIREBASE_PAGES, FIREBASE_API, FIREBASE_NEWS, STAGE];
