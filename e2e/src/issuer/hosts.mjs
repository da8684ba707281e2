// Names that the issuer answers for. They are the production hosts of the CLIs, so that the command lines and
// the CLIs' own URLs stay as people use them; only a machine's hosts file and one more CA lead here.

export const CODEX = 'auth.openai.com';
export const WRANGLER = 'dash.cloudflare.com';
/** Wrangler sends the browser here when it has finished. */
export const WRANGLER_END = 'welcome.developers.workers.dev';
/** Where Claude Code sends the browser at first. */
export const CLAUDE = 'claude.com';
/** Where it has its tokens, and where it sends the browser when it has finished. */
export const CLAUDE_PLATFORM = 'platform.claude.com';
/** Where it asks whose they are. */
export const CLAUDE_API = 'api.anthropic.com';
/** Pages of the tests' and the benchmark's own. */
export const STAGE = 'stage.anteroom.test';

export const ALL = [CODEX, WRANGLER, WRANGLER_END, CLAUDE, CLAUDE_PLATFORM, CLAUDE_API, STAGE];
