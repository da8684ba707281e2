// What differs between vendors. Client ids, redirect URIs and paths are the CLIs' own.
import { CLAUDE, CODEX, GITHUB, GOOGLE, WRANGLER } from './hosts.mjs';

/** RFC 8628, 3.4. */
export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/**
 * From the host of a vendor's pages to how its provider is set up. Without `grants` it is the authorization code with refresh
 * tokens that are used once, and proof of the client by PKCE. `further` are the names of the vendor's other clients.
 * @type {Record<string, {client: string, clientName: string, redirects: string[], routes: Record<string, string>,
 *   accessToken: 'jwt' | 'opaque', further?: Record<string, string>, grants?: string[], withoutPkce?: boolean, keepsRefreshTokens?: boolean, livesAsAsked?: boolean}>}
 */
export const VENDORS = {
  [CODEX]: {
    client: 'app_EMoamEEZ73f0CkXaXp7hrann',
    clientName: 'Codex',
    // The last one is where the device page has its code from.
    redirects: ['http://127.0.0.1:1455/auth/callback', 'http://localhost:1455/auth/callback', `https://${CODEX}/deviceauth/callback`],
    routes: { authorization: '/oauth/authorize', token: '/oauth/token', revocation: '/oauth/revoke' },
    accessToken: 'jwt', // the CLI reads `exp` from it
  },
  [WRANGLER]: {
    client: '54d11594-84e4-41aa-b438-e81b8fa78ee7',
    clientName: 'Wrangler',
    redirects: ['http://localhost:8976/oauth/callback'],
    routes: { authorization: '/oauth2/auth', token: '/oauth2/token', revocation: '/oauth2/revoke' },
    accessToken: 'opaque',
  },
  [CLAUDE]: {
    client: '9d1c250a-e61b-44d9-88ed-5944d1962f5e',
    clientName: 'Claude Code',
    // Any port (RFC 8252, 7.3); and the printed URL's redirect, to a page that shows a code to paste.
    redirects: ['http://localhost/callback', 'https://platform.claude.com/oauth/code/callback'],
    routes: { authorization: '/cai/oauth/authorize', token: '/v1/oauth/token', revocation: '/v1/oauth/revoke' },
    accessToken: 'opaque',
    livesAsAsked: true, // the CLI asks for a year where its token is for scripts
  },
  [GITHUB]: {
    client: '178c6fc778ccc68e1d6a',
    clientName: 'GitHub CLI',
    further: { Ov23ctDVkRmgkPke0Mmm: 'GitHub Copilot CLI' },
    redirects: [],
    routes: { device_authorization: '/login/device/code', code_verification: '/login/device', token: '/login/oauth/access_token' },
    accessToken: 'opaque',
    grants: [DEVICE_GRANT],
  },
  [GOOGLE]: {
    client: '681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com',
    clientName: 'Gemini CLI',
    further: { '563584335869-fgrhgmd47bqnekij5i8b5pr03ho849e6.apps.googleusercontent.com': 'Firebase CLI' },
    // Any port; and each one's page that shows a code to paste.
    redirects: ['http://127.0.0.1/oauth2callback', 'http://localhost/oauth2callback', 'https://codeassist.google.com/authcode',
      'http://localhost', 'https://auth.firebase.tools/complete'],
    routes: { authorization: '/o/oauth2/v2/auth', token: '/token', revocation: '/revoke' },
    accessToken: 'opaque',
    withoutPkce: true, // they send a client's secret in its place, where they listen by themselves
    keepsRefreshTokens: true,
  },
};

/** A client's name, for people. */
export const nameOf = (vendor, client) => vendor.further?.[client] ?? vendor.clientName;

/** Whether a client is this vendor's. */
export const knows = (vendor, client) => client === vendor.client || Object.hasOwn(vendor.further ?? {}, client);

/** The further client of this name. */
export const clientOf = (vendor, name) => Object.keys(vendor.further).find((client) => vendor.further[client] === name);
