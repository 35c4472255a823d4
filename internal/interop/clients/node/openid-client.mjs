// openid-client, as its documents show it: discovery, and then a Configuration
// that is passed to each grant.
import * as client from 'openid-client'
import { confidential, issuer, login, publicClient, see, subject } from './house.mjs'

const discover = (of, auth, algorithm) => client.discovery(new URL(issuer), of.id, undefined, auth, { algorithm })
const tokens = ({ token_type, expires_in, scope, refresh_token }) => [token_type, expires_in, scope, typeof refresh_token]

const ways = {
  basic: [confidential, client.ClientSecretBasic(confidential.secret), 'oauth2'],
  post: [confidential, client.ClientSecretPost(confidential.secret), 'oidc'],
  none: [publicClient, client.None(), 'oauth2'],
}
for (const [name, [of, auth, algorithm]] of Object.entries(ways)) {
  const config = await discover(of, auth, algorithm)
  await see(`${name}: discovery`, () => config.serverMetadata().issuer === issuer)

  const first = await login(of)
  let second
  await see(`${name}: refresh`, async () => tokens((second = await client.refreshTokenGrant(config, first.refresh_token))))
  await see(`${name}: narrower`, async () => tokens((second = await client.refreshTokenGrant(config, second.refresh_token, { scope: 'read' }))))
  await see(`${name}: wider`, () => client.refreshTokenGrant(config, second.refresh_token, { scope: 'read admin' }))
  await see(`${name}: reuse`, () => client.refreshTokenGrant(config, first.refresh_token))
  await see(`${name}: after reuse`, () => client.refreshTokenGrant(config, second.refresh_token))

  const third = await login(of)
  await see(`${name}: revoke`, async () => (await client.tokenRevocation(config, third.refresh_token)) ?? 'revoked')
  await see(`${name}: revoke again`, async () => (await client.tokenRevocation(config, third.refresh_token)) ?? 'revoked')
  await see(`${name}: revoke nonsense`, async () => (await client.tokenRevocation(config, 'nonsense')) ?? 'revoked')
  await see(`${name}: after revocation`, () => client.refreshTokenGrant(config, third.refresh_token))
  await see(`${name}: another client's`, async () => {
    const others = await login(of === confidential ? publicClient : confidential)
    return client.refreshTokenGrant(config, others.refresh_token)
  })
  await see(`${name}: client credentials`, async () => tokens(await client.clientCredentialsGrant(config, { scope: 'jobs' })))
  await see(`${name}: more than it may`, () => client.clientCredentialsGrant(config, { scope: 'write' }))
}

const config = await discover(...ways.basic)
const active = async (token) => {
  const { active, token_type, scope, sub } = await client.tokenIntrospection(config, token)
  return active ? [token_type, scope, sub === subject] : false
}
const session = await login(confidential)
await see('introspect access', () => active(session.access_token))
await see('introspect refresh', () => active(session.refresh_token))
await client.tokenRevocation(config, session.access_token)
await see('introspect revoked', () => active(session.access_token))
await see('introspect nonsense', () => active('nonsense'))

const wrong = `${confidential.secret.slice(0, -1)}${confidential.secret.endsWith('0') ? '1' : '0'}`
for (const [name, auth] of Object.entries({ basic: client.ClientSecretBasic(wrong), post: client.ClientSecretPost(wrong) })) {
  const impostor = await discover(confidential, auth, 'oauth2')
  await see(`${name}: wrong key`, () => client.clientCredentialsGrant(impostor))
  await see(`${name}: wrong key, introspection`, () => client.tokenIntrospection(impostor, session.refresh_token))
  await see(`${name}: wrong key, revocation`, () => client.tokenRevocation(impostor, session.refresh_token))
}
await see('not revoked by an impostor', () => active(session.refresh_token))
