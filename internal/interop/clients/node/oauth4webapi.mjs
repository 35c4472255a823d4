// oauth4webapi: each request and each answer by itself, and access tokens
// judged as RFC 9068 has it.
import * as oauth from 'oauth4webapi'
import { audience, claims, confidential, issuer, login, publicClient, rotateKeys, see, subject } from './house.mjs'

const at = new URL(issuer)
const discover = async (algorithm) => oauth.processDiscoveryResponse(at, await oauth.discoveryRequest(at, { algorithm }))
let as
for (const algorithm of ['oauth2', 'oidc']) {
  await see(`discovery: ${algorithm}`, async () => (as = await discover(algorithm)).issuer === issuer)
}
await see('metadata', () => ({
  grants: as.grant_types_supported, responses: as.response_types_supported,
  token: as.token_endpoint_auth_methods_supported, introspection: as.introspection_endpoint_auth_methods_supported,
}))
await see('another issuer', async () => {
  const other = new URL('https://elsewhere.example')
  await oauth.processDiscoveryResponse(other, await oauth.discoveryRequest(at, { algorithm: 'oauth2' }))
})

const summary = ({ token_type, expires_in, scope, refresh_token }) => [token_type, expires_in, scope, typeof refresh_token]
const refresh = async (client, auth, token, scope) => oauth.processRefreshTokenResponse(as, client,
  await oauth.refreshTokenGrantRequest(as, client, auth, token, { additionalParameters: scope ? { scope } : {} }))
const credentials = async (client, auth, scope) => oauth.processClientCredentialsResponse(as, client,
  await oauth.clientCredentialsGrantRequest(as, client, auth, { scope }))
const revoke = async (client, auth, token) =>
  (await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token))) ?? 'revoked'

const ways = {
  basic: [confidential, oauth.ClientSecretBasic(confidential.secret)],
  post: [confidential, oauth.ClientSecretPost(confidential.secret)],
  none: [publicClient, oauth.None()],
}
for (const [name, [of, auth]] of Object.entries(ways)) {
  const client = { client_id: of.id }
  const first = await login(of)
  let second
  await see(`${name}: refresh`, async () => summary((second = await refresh(client, auth, first.refresh_token))))
  await see(`${name}: narrower`, async () => summary((second = await refresh(client, auth, second.refresh_token, 'read'))))
  await see(`${name}: wider`, () => refresh(client, auth, second.refresh_token, 'read admin'))
  await see(`${name}: reuse`, () => refresh(client, auth, first.refresh_token))
  await see(`${name}: after reuse`, () => refresh(client, auth, second.refresh_token))
  const third = await login(of)
  await see(`${name}: revoke`, () => revoke(client, auth, third.refresh_token))
  await see(`${name}: after revocation`, () => refresh(client, auth, third.refresh_token))
  await see(`${name}: client credentials`, async () => summary(await credentials(client, auth, 'jobs')))
  await see(`${name}: more than it may`, () => credentials(client, auth, 'write'))
}

const [client, auth] = [{ client_id: confidential.id }, ways.basic[1]]
const introspect = async (token) => {
  const said = await oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, token))
  return said.active ? [said.token_type, said.scope, said.sub === subject] : false
}
// The library's own judgement of a request: it does not know of revocations,
// which is what introspection is for.
const judge = async (token) => {
  const request = new Request('https://api.example/', { headers: { authorization: `Bearer ${token}` } })
  const { sub, client_id, scope } = await oauth.validateJwtAccessToken(as, request, audience)
  return [scope, client_id === confidential.id, sub === subject]
}
const session = await login(confidential)
await see('RFC 9068', () => judge(session.access_token))
await see('RFC 9068: client credentials', async () => judge((await credentials(client, auth, 'jobs')).access_token))
await see('RFC 9068: refresh token', () => judge(session.refresh_token))
await see('RFC 9068: claims', () => Object.keys(claims(session.access_token)).sort().join(' '))
await see('introspect', () => introspect(session.access_token))
await see('introspect refresh', () => introspect(session.refresh_token))
await revoke(client, auth, session.access_token)
await see('introspect revoked', () => introspect(session.access_token))
await see('RFC 9068: revoked', () => judge(session.access_token))

for (const [name, wrong] of Object.entries({ basic: oauth.ClientSecretBasic('guess'), post: oauth.ClientSecretPost('guess'), none: oauth.None() })) {
  await see(`${name}: wrong key`, () => credentials(client, wrong, 'jobs'))
}

// The library fetches keys again for one that it does not know, but not within
// a minute; with the metadata anew it has the keys anew, and nobody waits here.
await rotateKeys('RS256')
const rotated = await login(confidential)
await see('RFC 9068: new key', () => judge(rotated.access_token))
as = await discover('oauth2')
await see('RFC 9068: new key, a minute later', () => judge(rotated.access_token))
await see('RFC 9068: old key', () => judge(session.access_token))
