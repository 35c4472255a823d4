// jsonwebtoken with jwks-rsa, as the latter's documents advise: keys by their
// id, and the algorithms pinned.
import { generateKeyPairSync } from 'node:crypto'
import jwt from 'jsonwebtoken'
import jwksClient from 'jwks-rsa'
import { audience, claims, header, issuer, login, rotateKeys, see, subject } from './house.mjs'

const client = jwksClient({ jwksUri: `${issuer}/.well-known/jwks.json`, cache: true, rateLimit: true, jwksRequestsPerMinute: 10 })
const getKey = (head, done) => client.getSigningKey(head.kid).then((key) => done(null, key.getPublicKey()), done)
const verify = (token, options) => new Promise((resolve, reject) => {
  jwt.verify(token, getKey, { issuer, audience, algorithms: ['ES256', 'RS256'], complete: true, ...options }, (err, read) => {
    if (err) return reject(err)
    resolve([read.header.alg, read.header.typ, read.payload.scope, read.payload.sub === subject])
  })
})

const first = await login()
await see('verify', () => verify(first.access_token))
await see('refresh token', () => verify(first.refresh_token))
await see('another issuer', () => verify(first.access_token, { issuer: 'https://elsewhere.example' }))
await see('another algorithm', () => verify(first.access_token, { algorithms: ['RS256'] }))

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const forge = (key, options) => jwt.sign(claims(first.access_token), key, { header: { typ: 'at+jwt' }, keyid: header(first.access_token).kid, ...options })
await see('forged', () => verify(forge(privateKey, { algorithm: 'ES256' })))
await see('forged with an unknown kid', () => verify(forge(privateKey, { algorithm: 'ES256', keyid: 'mine' })))
await see('forged with the public key', async () => {
  const published = (await client.getSigningKey(header(first.access_token).kid)).getPublicKey()
  return verify(forge(published, { algorithm: 'HS256' }))
})
await see('unsigned', () => verify(forge('', { algorithm: 'none' })))

const rotated = await rotateKeys('RS256')
await see('new key', () => verify(rotated.access_token))
await see('old key', () => verify(first.access_token))
