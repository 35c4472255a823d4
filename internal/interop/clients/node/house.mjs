// What each program here begins with: the server that it was told of, a login
// there, another signing key, and a way to say what was seen.
import { execFileSync } from 'node:child_process'

const told = (name) => {
  const value = process.env[`INTEROP_${name}`]
  if (!value) throw new Error(`INTEROP_${name} is not set`)
  return value
}

export const issuer = told('ISSUER')
export const audience = told('AUDIENCE')
export const subject = told('SUBJECT')
export const confidential = { id: told('CLIENT_ID'), secret: told('CLIENT_SECRET') }
export const publicClient = { id: told('PUBLIC_CLIENT_ID'), secret: '' }

// login begins a session of the user, for a client where one is given.
export async function login(client) {
  const headers = { 'content-type': 'application/json' }
  if (client) headers.authorization = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`
  const body = JSON.stringify({ username: told('USERNAME'), password: told('PASSWORD') })
  const answer = await fetch(`${told('URL')}/v1/login`, { method: 'POST', headers, body })
  if (answer.status !== 201) throw new Error(`login: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

// rotateKeys lets another key sign, and returns once the server does so.
export async function rotateKeys(algorithm) {
  const rescind = (...args) => execFileSync(told('COMMAND'), [...args, '--keys', told('KEYS')], { stdio: 'pipe' })
  const before = header((await login()).access_token).kid
  rescind('keys', 'new', '--alg', algorithm)
  rescind('keys', 'rotate')
  for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((r) => setTimeout(r, 100))) {
    const tokens = await login()
    if (header(tokens.access_token).kid !== before) return tokens
  }
  throw new Error('the server does not sign with the new key')
}

export const header = (token) => part(token, 0)
export const claims = (token) => part(token, 1)
const part = (token, n) => JSON.parse(Buffer.from(token.split('.')[n], 'base64url').toString())

const saw = {}

// see notes what a step returned, or how it failed: the test knows what it
// should have been.
export async function see(step, what) {
  try {
    saw[step] = await what()
  } catch (err) {
    saw[step] = await failure(err)
  }
}

// failure is what a program can branch on. An error that is nobody's contract
// keeps its text, so that the test shows it.
async function failure(err) {
  if (err.status === undefined) return err.code ?? err.message
  const challenged = err.code === 'OAUTH_WWW_AUTHENTICATE_CHALLENGE'
  const error = challenged ? (await err.response.json()).error : err.error
  return `${err.status} ${error}${challenged ? `, challenged with ${err.cause[0].scheme}` : ''}`
}

process.on('exit', () => process.stdout.write(JSON.stringify(saw)))
