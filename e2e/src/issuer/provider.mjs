// The certified OpenID provider (npm's oidc-provider), set up once for each vendor with that vendor's routes and
// client, as the real CLI expects them. It never decides for a person: that is the pages' work.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import Provider from 'oidc-provider';
import { ACCOUNTS, claimsOf } from './accounts.mjs';
import { CLAUDE, CODEX, WRANGLER } from './hosts.mjs';

const TTL_S = 3600;
const RESOURCE = 'https://api.example.test/';

/** What differs between vendors. Client ids, redirect URIs and paths are the CLIs' own. */
export const VENDORS = {
  [CODEX]: {
    client: 'app_EMoamEEZ73f0CkXaXp7hrann',
    clientName: 'Codex',
    redirects: ['http://127.0.0.1:1455/auth/callback', 'http://localhost:1455/auth/callback'],
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
    // Any port (RFC 8252, 7.3). The printed URL's redirect, to a page with a code, is none of these: who opens it gets nowhere.
    redirects: ['http://localhost/callback'],
    routes: { authorization: '/cai/oauth/authorize', token: '/v1/oauth/token', revocation: '/v1/oauth/revoke' },
    accessToken: 'opaque',
  },
};

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'of-this-run' };
}

function client(vendor) {
  return {
    client_id: vendor.client,
    client_name: vendor.clientName,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: vendor.redirects,
  };
}

function configuration(vendor) {
  // A vendor knows its own scopes; this one learns them from the CLI that asks, so that a new version's new scope
  // needs no change here.
  const scopes = new Set();
  const learn = (scope = '') => scope.split(' ').filter(Boolean).forEach((word) => scopes.add(word));
  return {
    clients: [client(vendor)],
    jwks: { keys: [signingKey()] },
    routes: vendor.routes,
    cookies: { keys: [randomBytes(32).toString('hex')] },
    claims: { openid: ['sub', 'email', 'email_verified', 'name', 'https://api.openai.com/auth'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    // The CLIs expect a refresh token whether or not they asked with prompt=consent.
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    ttl: { AccessToken: TTL_S, AuthorizationCode: 60, IdToken: TTL_S, RefreshToken: 86400, Grant: 86400, Interaction: TTL_S, Session: TTL_S },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, user) => (ACCOUNTS[user] ? { accountId: user, claims: () => claimsOf(user) } : undefined),
    extraTokenClaims: (_ctx, token) => ({ 'https://api.openai.com/auth': claimsOf(token.accountId)['https://api.openai.com/auth'] }),
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx) => {
          learn(ctx.oidc.params?.scope);
          return { scope: [...scopes].join(' '), audience: RESOURCE, accessTokenTTL: TTL_S, accessTokenFormat: vendor.accessToken };
        },
      },
    },
  };
}

/** The provider of one vendor. `tell` hears of each set of tokens that is handed out. */
export function makeProvider(host, tell) {
  const provider = new Provider(`https://${host}`, configuration(VENDORS[host]));
  provider.on('grant.success', (ctx) => tell({ kind: 'tokens', host, user: ctx.oidc.account?.accountId, body: ctx.body }));
  for (const event of ['server_error', 'authorization.error', 'grant.error', 'revocation.error']) {
    provider.on(event, (_ctx, error) => tell({ kind: 'refused', host, event, error: error.error ?? error.name, description: error.error_description ?? error.message }));
  }
  return provider;
}

/** Grants everything the CLI asked for. */
export async function grantAll(provider, details) {
  const { params, session, prompt } = details;
  const grant = details.grantId
    ? await provider.Grant.find(details.grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '));
  grant.addOIDCScope('openid offline_access');
  grant.addResourceScope(RESOURCE, params.scope);
  return grant.save();
}
