// The certified OpenID provider (npm's oidc-provider), set up once for each vendor with that vendor's routes and
// client, as the real CLI expects them. It never decides for a person: that is the pages' work.
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import Provider from 'oidc-provider';
import { ACCOUNTS, claimsOf } from './accounts.mjs';
import { deviceFlow } from './device.mjs';
import { speakAsGithub } from './github.mjs';
import { GITHUB } from './hosts.mjs';
import { accessTokensLive, deviceCodesLive } from './lifetimes.mjs';
import { DEVICE_GRANT, nameOf, VENDORS } from './vendors.mjs';

const TTL_S = 3600;
const RESOURCE = 'https://api.example.test/';

/**
 * Exported from a key that was read, not from the one that was made: in Node 20 a generated key shares a lock with the job that has
 * made it, and a garbage collection that meets that job during the export waits for the lock forever.
 */
function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
  return { ...createPrivateKey(privateKey).export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'of-this-run' };
}

function client(vendor, id) {
  const grants = vendor.grants ?? ['authorization_code', 'refresh_token'];
  return {
    client_id: id,
    client_name: nameOf(vendor, id),
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: grants,
    response_types: grants.includes('authorization_code') ? ['code'] : [],
    redirect_uris: vendor.redirects,
  };
}

/** Seconds, where a token request says them and the vendor minds it. */
const askedLife = ({ livesAsAsked }, ctx) => (livesAsAsked && Number(ctx.oidc.body?.expires_in)) || undefined;

function configuration(vendor) {
  // A vendor knows its own scopes; this one learns them from the CLI that asks, so that a new version's new scope
  // needs no change here.
  const scopes = new Set();
  const learn = (scope = '') => scope.split(' ').filter(Boolean).forEach((word) => scopes.add(word));
  return {
    clients: [vendor.client, ...Object.keys(vendor.further ?? {})].map((id) => client(vendor, id)),
    jwks: { keys: [signingKey()] },
    routes: vendor.routes,
    cookies: { keys: [randomBytes(32).toString('hex')] },
    claims: { openid: ['sub', 'email', 'email_verified', 'name', 'https://api.openai.com/auth'] },
    conformIdTokenClaims: false,
    // A token is no good from the second on at which it ends: all clocks here are one.
    clockTolerance: 0,
    pkce: { required: () => !vendor.withoutPkce },
    // The CLIs expect a refresh token whether or not they asked with prompt=consent.
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: !vendor.keepsRefreshTokens,
    ttl: { AccessToken: (ctx) => askedLife(vendor, ctx) ?? accessTokensLive(), AuthorizationCode: 60, DeviceCode: deviceCodesLive, IdToken: TTL_S, RefreshToken: 86400, Grant: 86400, Interaction: TTL_S, Session: TTL_S },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, user) => (ACCOUNTS[user] ? { accountId: user, claims: () => claimsOf(user) } : undefined),
    extraTokenClaims: (_ctx, token) => ({ 'https://api.openai.com/auth': claimsOf(token.accountId)['https://api.openai.com/auth'] }),
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: vendor.routes.revocation !== undefined },
      deviceFlow: deviceFlow((vendor.grants ?? []).includes(DEVICE_GRANT)),
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx) => {
          learn(ctx.oidc.params?.scope);
          return { scope: [...scopes].join(' '), audience: RESOURCE, accessTokenTTL: accessTokensLive(), accessTokenFormat: vendor.accessToken };
        },
      },
    },
  };
}

/** The provider of one vendor. `tell` hears of each set of tokens that is handed out, and of the codes that they are had for. */
export function makeProvider(host, tell) {
  const provider = new Provider(`https://${host}`, configuration(VENDORS[host]));
  if (host === GITHUB) speakAsGithub(provider);
  for (const event of ['authorization_code.saved', 'device_code.saved']) {
    provider.on(event, ({ jti }) => tell({ kind: 'code', host, code: jti }));
  }
  provider.on('grant.success', (ctx) => tell({ kind: 'tokens', host, grant: ctx.oidc.params.grant_type, user: ctx.oidc.account?.accountId, body: ctx.body }));
  for (const event of ['server_error', 'authorization.error', 'grant.error', 'revocation.error', 'device_authorization.error']) {
    provider.on(event, (_ctx, error) => tell({ kind: 'refused', host, event, error: error.error ?? error.name, description: error.error_detail ?? error.error_description ?? error.message }));
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
