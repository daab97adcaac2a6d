// Loopback OpenID Provider (panva oidc-provider, OpenID-certified) + fault control plane.
// start: npm install && node server.mjs (PORT=4455 by default, everything on 127.0.0.1)
// Its users have no passwords: login_hint=alice|admin|bob|deny says who signs in. For tests and demonstrations only.
// Set REDIRECT_URIS="http://127.0.0.1:3000/callback,..." for the code-flow client under test.
import http from 'node:http';
import crypto from 'node:crypto';
import Provider, { errors } from 'oidc-provider';

const PORT = Number(process.env.PORT ?? 4455);
const HOST = '127.0.0.1';
const ISSUER = process.env.ISSUER ?? `http://${HOST}:${PORT}`;
const REDIRECTS = (process.env.REDIRECT_URIS ?? 'http://127.0.0.1:3000/callback').split(',');
const AFTER_LOGOUT = (process.env.POST_LOGOUT_REDIRECT_URIS ?? 'http://127.0.0.1:3000/').split(',');
// Where logout tokens for the client `web` are posted (OpenID Connect Back-Channel Logout).
const BACKCHANNEL = process.env.BACKCHANNEL_URI ? { backchannel_logout_uri: process.env.BACKCHANNEL_URI, backchannel_logout_session_required: true } : {};
const AT_TTL = Number(process.env.AT_TTL ?? 600);

// ---- keys -------------------------------------------------------------------------------
let gen = 0;
function freshKeys() {
  gen += 1;
  const mk = (type, opts, alg) => {
    // As JWKs at once: Node 20's `KeyObject.export` as one waits for ever when the garbage collector
    // runs meanwhile.
    const format = { publicKeyEncoding: { format: 'jwk' }, privateKeyEncoding: { format: 'jwk' } };
    const { privateKey } = crypto.generateKeyPairSync(type, { ...opts, ...format });
    return { ...privateKey, use: 'sig', alg, kid: `${alg.toLowerCase()}-g${gen}` };
  };
  return [
    mk('rsa', { modulusLength: 2048 }, 'RS256'),
    mk('rsa', { modulusLength: 2048 }, 'PS256'),
    mk('ec', { namedCurve: 'P-256' }, 'ES256'),
    mk('ec', { namedCurve: 'P-384' }, 'ES384'),
    mk('ed25519', {}, 'EdDSA'),
  ];
}
let keys = freshKeys();

// ---- shared in-memory storage (survives key rotation, which rebuilds the Provider) --------
const store = new Map();
class Adapter {
  constructor(model) { this.model = model; }
  k(id) { return `${this.model}:${id}`; }
  get(k) { const e = store.get(k); if (e && e.exp && e.exp < Date.now()) { store.delete(k); return undefined; } return e?.v; }
  async upsert(id, payload, expiresIn) { store.set(this.k(id), { v: structuredClone(payload), exp: expiresIn ? Date.now() + expiresIn * 1000 : 0 }); }
  async find(id) { const v = this.get(this.k(id)); return v && structuredClone(v); }
  async findBy(f, val) { for (const [k, e] of store) if (k.startsWith(`${this.model}:`) && e.v[f] === val) return structuredClone(e.v); return undefined; }
  async findByUid(uid) { return this.findBy('uid', uid); }
  async findByUserCode(c) { return this.findBy('userCode', c); }
  async consume(id) { const v = this.get(this.k(id)); if (v) v.consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { store.delete(this.k(id)); }
  async revokeByGrantId(g) { for (const [k, e] of store) if (e.v.grantId === g) store.delete(k); }
}

// ---- people, clients, resources -----------------------------------------------------------
const accounts = {
  alice: { roles: ['user'], groups: ['eng'], email: 'alice@example.com' },
  admin: { roles: ['user', 'admin'], groups: ['eng', 'ops'], email: 'admin@example.com' },
  bob: { roles: [], groups: [], email: 'bob@example.com' },
  'jürgen@例え.jp': { roles: ['user'], groups: [], email: 'j@example.com' },
};
const M2M = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
const SCOPE = 'openid offline_access email profile api:read api:write api:admin';
const clients = [
  { client_id: 'svc', client_secret: 'svc-secret', ...M2M, scope: 'api:read api:write' },
  { client_id: 'svc-admin', client_secret: 'svc-admin-secret', ...M2M, scope: 'api:read api:write api:admin' },
  { client_id: 'svc-post', client_secret: 'svc-post-secret', token_endpoint_auth_method: 'client_secret_post', ...M2M, scope: 'api:read' },
  // RFC 6749 §2.3.1: id and secret MUST be form-urlencoded before Basic; these break clients that do not.
  { client_id: 'odd:client+id%20/e', client_secret: 's3c:r+t%41 &=/~"', ...M2M, scope: 'api:read' },
  { client_id: 'rs', client_secret: 'rs-secret', ...M2M },      // the resource server: introspects
  { client_id: 'web', client_secret: 'web-secret', redirect_uris: REDIRECTS, post_logout_redirect_uris: AFTER_LOGOUT, ...BACKCHANNEL, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope: SCOPE },
  { client_id: 'web-post', client_secret: 'web-post-secret', token_endpoint_auth_method: 'client_secret_post', redirect_uris: REDIRECTS, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope: SCOPE },
  { client_id: 'spa', token_endpoint_auth_method: 'none', redirect_uris: REDIRECTS, application_type: 'native', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope: SCOPE },
  { client_id: 'web-es256', client_secret: 'web-secret', id_token_signed_response_alg: 'ES256', redirect_uris: REDIRECTS, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope: SCOPE },
  { client_id: 'odd:web+id%20/e', client_secret: 's3c:r+t%41 &=/~"', redirect_uris: REDIRECTS, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope: SCOPE },
  // Proves its id by a private key; its public keys are in CLIENT_JWKS.
  ...(process.env.CLIENT_JWKS ? [{ client_id: 'web-key', token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: JSON.parse(process.env.CLIENT_JWKS), redirect_uris: REDIRECTS, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope: SCOPE }] : []),
  { client_id: 'dpop', client_secret: 'dpop-secret', ...M2M, dpop_bound_access_tokens: true, scope: 'api:read' },
];
const HS_KEY = Buffer.from(process.env.HS_KEY ?? 'a-very-long-shared-secret-for-hs256-only-000000');
const R = 'https://rs.example/';
const resources = {
  [`${R}rs256`]: { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } },
  [`${R}ps256`]: { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'PS256' } } },
  [`${R}es256`]: { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } },
  [`${R}es384`]: { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES384' } } },
  [`${R}eddsa`]: { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'EdDSA' } } },
  [`${R}hs256`]: { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'HS256', key: HS_KEY } } },
  [`${R}opaque`]: { accessTokenFormat: 'opaque' },
};

function build() {
  const p = new Provider(ISSUER, {
    adapter: Adapter,
    clients,
    jwks: { keys },
    cookies: { keys: ['op-cookie-key'] },
    scopes: ['openid', 'offline_access', 'api:read', 'api:write', 'api:admin'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups', 'roles'] },
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
    },
    // Everything is on loopback here, which the provider would not post logout tokens to.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    pkce: { required: (_ctx, c) => c.clientId === 'spa' },
    async findAccount(_ctx, sub) {
      const a = accounts[sub]; if (!a) return undefined;
      return { accountId: sub, claims: async () => ({ sub, name: sub, email_verified: true, ...a }) };
    },
    async extraTokenClaims(_ctx, token) {
      const a = accounts[token.accountId] ?? { roles: token.clientId === 'svc-admin' ? ['service', 'admin'] : ['service'], groups: [] };
      // the three shapes met in the wild: flat, Keycloak, Auth0-namespaced
      return { roles: a.roles, groups: a.groups, realm_access: { roles: a.roles }, 'https://example.com/roles': a.roles };
    },
    issueRefreshToken: async (_ctx, c) => c.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: async (_c, client, token) => client.clientId === 'rs' || client.clientId === token.clientId },
      revocation: { enabled: true, allowedPolicy: async (_c, client, token) => client.clientId === token.clientId },
      dPoP: { enabled: true },
      deviceFlow: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => undefined,
        async getResourceServerInfo(_ctx, indicator) {
          const r = resources[indicator];
          if (!r) throw new errors.InvalidTarget();
          return { scope: 'api:read api:write api:admin', audience: indicator, accessTokenTTL: AT_TTL, ...r };
        },
      },
    },
    ttl: { AccessToken: AT_TTL, ClientCredentials: AT_TTL, IdToken: 600, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600, DeviceCode: 600 },
    interactions: { url: (_ctx, i) => `/interaction/${i.uid}` },
  });
  p.on('server_error', (_ctx, e) => console.error('server_error', e));
  p.on('backchannel.error', (_ctx, e) => console.error('backchannel.error', e));
  return p;
}
let provider = build();
let cb = provider.callback();

// ---- headless login: login_hint=<account> logs in and consents, login_hint=deny refuses ----
async function interaction(req, res) {
  const d = await provider.interactionDetails(req, res);
  const { prompt, params, session } = d;
  if (params.login_hint === 'deny') {
    return provider.interactionFinished(req, res, { error: 'access_denied', error_description: 'the user said no' }, { mergeWithLastSubmission: false });
  }
  if (prompt.name === 'login') {
    return provider.interactionFinished(req, res, { login: { accountId: accounts[params.login_hint] ? params.login_hint : 'alice' } }, { mergeWithLastSubmission: false });
  }
  const grant = d.grantId ? await provider.Grant.find(d.grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '));
  if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims);
  for (const [ind, sc] of Object.entries(prompt.details.missingResourceScopes ?? {})) grant.addResourceScope(ind, sc.join(' '));
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

// ---- fault control: POST /__ctl {...}; GET /__ctl ------------------------------------------
const hits = {};
let fault = {};   // { path: "/jwks", status, delay_ms, body, headers, hang, times }
const pub = () => ({ keys: keys.map(({ d, p, q, dp, dq, qi, ...k }) => k) });
async function control(req, res) {
  let body = ''; for await (const c of req) body += c;
  if (req.method === 'POST') {
    const c = body ? JSON.parse(body) : {};
    if (c.rotate) { // "replace": old keys vanish; "append": new first, old kept; "drop_old": keep newest generation only
      if (c.rotate === 'drop_old') keys = keys.filter((k) => k.kid.endsWith(`-g${gen}`));
      else { const f = freshKeys(); keys = c.rotate === 'append' ? [...f, ...keys] : f; }
      provider = build(); cb = provider.callback();
    }
    if ('fault' in c) fault = c.fault ?? {};
    if (c.reset_hits) for (const k of Object.keys(hits)) delete hits[k];
  }
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify({ issuer: ISSUER, hits, fault, kids: keys.map((k) => k.kid), resources: Object.keys(resources), clients: clients.map((c) => c.client_id) }, null, 1));
}

http.createServer(async (req, res) => {
  try {
    const path = new URL(req.url, ISSUER).pathname;
    if (path === '/__ctl') return await control(req, res);
    hits[path] = (hits[path] ?? 0) + 1;
    if (fault.path === path && (fault.times === undefined || fault.times-- > 0)) {
      if (fault.hang) return;                                   // accept, never answer
      if (fault.reset) return req.socket.destroy();
      if (fault.delay_ms) await new Promise((r) => setTimeout(r, fault.delay_ms));
      if (fault.status || fault.body !== undefined || fault.headers) {
        res.writeHead(fault.status ?? 200, fault.headers ?? { 'content-type': 'application/json' });
        return res.end(fault.body ?? (path === '/jwks' ? JSON.stringify(pub()) : ''));
      }
    }
    if (path.startsWith('/interaction/')) return await interaction(req, res);
    return cb(req, res);
  } catch (e) {
    console.error(e); if (!res.headersSent) res.writeHead(500); res.end(String(e?.message ?? e));
  }
}).listen(PORT, HOST, () => console.log(`OP ${ISSUER}  discovery ${ISSUER}/.well-known/openid-configuration  control ${ISSUER}/__ctl`));
