// jose: a remote key set, and what may be verified with it.
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { audience, claims, header, issuer, login, rotateKeys, see, subject } from './house.mjs'

// By default an unknown key makes it fetch again after half a minute.
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), { cooldownDuration: 0 })
const verify = async (token, options) => {
  const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', ...options })
  return [protectedHeader.alg, payload.scope, payload.sub === subject]
}
const forge = (signer, head, body) => new SignJWT(body).setProtectedHeader(head).sign(signer)

const first = await login()
await see('verify', () => verify(first.access_token))
await see('required claims', () => verify(first.access_token, { requiredClaims: ['sub', 'iat', 'exp', 'jti', 'sid'] }))
await see('refresh token', () => verify(first.refresh_token))
await see('refresh token, by its type', () => verify(first.refresh_token, { audience: issuer }))
await see('another audience', () => verify(first.access_token, { audience: 'elsewhere' }))
await see('another issuer', () => verify(first.access_token, { issuer: 'https://elsewhere.example' }))

const { privateKey, publicKey } = await generateKeyPair('ES256')
const head = header(first.access_token)
await see('forged', async () => verify(await forge(privateKey, head, claims(first.access_token))))
await see('forged with an unknown kid', async () => verify(await forge(privateKey, { ...head, kid: 'mine' }, claims(first.access_token))))
await see('forged with its own key', async () =>
  verify(await forge(privateKey, { ...head, jwk: await exportJWK(publicKey) }, claims(first.access_token))))
await see('forged with the public key', async () => {
  const published = JSON.stringify(keys.jwks().keys[0])
  return verify(await forge(new TextEncoder().encode(published), { ...head, alg: 'HS256' }, claims(first.access_token)))
})
await see('changed', () => {
  const [h, , s] = first.access_token.split('.')
  const body = Buffer.from(JSON.stringify({ ...claims(first.access_token), scope: 'admin' })).toString('base64url')
  return verify([h, body, s].join('.'))
})

const before = keys.jwks().keys.length
const rotated = await rotateKeys('RS256')
await see('new key', () => verify(rotated.access_token))
await see('keys', () => [before, keys.jwks().keys.length])
await see('old key', () => verify(first.access_token))
const again = await rotateKeys('EdDSA')
await see('another new key', () => verify(again.access_token))
