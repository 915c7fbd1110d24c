// An OpenID provider for the tests: node openid_provider.mjs PORT REDIRECT_URI ACCOUNTS, a JSON object of claims by name.
import { Provider } from 'oidc-provider'

const [port, redirectUri, accounts] = process.argv.slice(2)
const claimsOf = JSON.parse(accounts)

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: 'tollbook', client_secret: 'a secret of the tests', redirect_uris: [redirectUri] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
  findAccount: (context, name) => claimsOf[name] && { accountId: name, claims: () => ({ sub: name, ...claimsOf[name] }) },
  cookies: { keys: ['a key of the tests'] },
  pkce: { required: () => true },
})
provider.listen(Number(port), () => console.log('ready'))
