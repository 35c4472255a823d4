// Mints one token in each algorithm with jose (https://github.com/panva/jose)
// and prints them, with the keys that verify them. README.md has the command.
import { calculateJwkThumbprint, exportJWK, exportSPKI, generateKeyPair, generateSecret, importJWK, SignJWT } from 'jose'
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'

const require = createRequire(import.meta.url)
const { version } = JSON.parse(readFileSync(require.resolve('jose/package.json')))

const iat = Date.UTC(2026, 0, 1) / 1000 // the tests' clock stands a minute later

// One secret and one RSA key serve all of their algorithms: a key that was
// bound to its algorithm by nothing but its size would be found out.
const groups = [['HS512', 'HS384', 'HS256'], ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ['ES256'], ['ES384'], ['ES512'], ['EdDSA']]

const tokens = []
for (const algs of groups) {
  const symmetric = algs[0].startsWith('HS')
  const made = symmetric
    ? await generateSecret(algs[0], { extractable: true })
    : await generateKeyPair(algs[0], { extractable: true })
  const secret = await exportJWK(symmetric ? made : made.privateKey)
  const jwk = symmetric ? secret : await exportJWK(made.publicKey)
  const pem = symmetric ? undefined : await exportSPKI(made.publicKey)
  const kid = await calculateJwkThumbprint(jwk)
  for (const alg of algs) {
    const token = await new SignJWT({ scope: 'read write', auth_time: iat - 60, note: 'grüße, 世界 "\\' })
      .setProtectedHeader({ alg, kid, typ: 'at+jwt' })
      .setIssuer('https://issuer.example').setSubject(`user-${alg}`).setAudience(['api', 'other'])
      .setIssuedAt(iat).setExpirationTime(iat + 3600).setJti(crypto.randomUUID())
      .sign(await importJWK(secret, alg))
    tokens.push({ alg, kid, jwk, pem, token })
  }
}
console.log(JSON.stringify({ made_by: `jose ${version}, node ${process.version}`, tokens }, null, 1))
