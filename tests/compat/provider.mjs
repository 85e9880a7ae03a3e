// A certified provider of OpenID Connect (oidc-provider) that signs in whoever `POST /control` names, without a form.
// argv: its port, and the client's redirect address. `POST /control` takes JSON:
//   person: {sub, email, email_verified, groups}, or null: the next attempt is refused
//   rotate: true: new signing keys, and none of the old ones
//   claims, header: put over the next ID token, which is signed again ("alg": "none" and "HS256" are made by hand)
//   in_userinfo: true: claims are in the user information only
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import * as jose from 'jose'
import { Provider } from 'oidc-provider'

const [port, redirect] = process.argv.slice(2)
const issuer = `http://127.0.0.1:${port}`
const secret = 'a secret of both & more'
const accounts = new Map()
const state = { person: null, over: null, inUserinfo: false, keys: 0, signing: null }
let handle

async function begin() {
  const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true })
  state.signing = { ...(await jose.exportJWK(privateKey)), kid: `key-${++state.keys}`, alg: 'RS256', use: 'sig' }
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'muster', client_secret: secret, redirect_uris: [redirect], response_types: ['code'], grant_types: ['authorization_code'] }],
    jwks: { keys: [state.signing] },
    cookies: { keys: ['for tests'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    conformIdTokenClaims: state.inUserinfo,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => accounts.has(id) && { accountId: id, claims: () => accounts.get(id) },
    async loadExistingGrant(ctx) {
      const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId })
      grant.addOIDCScope('openid email profile')
      await grant.save()
      return grant
    },
  })
  provider.use(async (ctx, next) => {
    await next()
    if (ctx.path === '/token' && ctx.body?.id_token && state.over) {
      ctx.body = { ...ctx.body, id_token: await again(ctx.body.id_token, state.over) }
      state.over = null
    }
  })
  const callback = provider.callback()
  handle = async (req, res) => {
    if (!req.url.startsWith('/interaction/')) return callback(req, res)
    const { person } = state
    const result = person ? { login: { accountId: person.sub } } : { error: 'access_denied' }
    await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false })
  }
}

async function again(token, { claims = {}, header = {} }) {
  const payload = { ...jose.decodeJwt(token), ...claims }
  const head = { ...jose.decodeProtectedHeader(token), ...header }
  if (head.alg === 'none' || head.alg === 'HS256') {
    const text = [head, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const signature = head.alg === 'none' ? '' : createHmac('sha256', secret).update(text).digest('base64url')
    return `${text}.${signature}`
  }
  const key = head.forged ? (await jose.generateKeyPair('RS256')).privateKey : await jose.importJWK(state.signing, 'RS256')
  delete head.forged
  return new jose.SignJWT(payload).setProtectedHeader(head).sign(key)
}

async function control(req, res) {
  let text = ''
  for await (const chunk of req) text += chunk
  const told = JSON.parse(text)
  if ('person' in told) {
    state.person = told.person
    if (told.person) accounts.set(told.person.sub, told.person)
  }
  if (told.claims || told.header) state.over = told
  if ('in_userinfo' in told) state.inUserinfo = told.in_userinfo
  if (told.rotate || 'in_userinfo' in told) await begin()
  res.end()
}

await begin()
createServer((req, res) => (req.url === '/control' ? control(req, res) : handle(req, res))).listen(Number(port), '127.0.0.1', () => console.log('ready'))
