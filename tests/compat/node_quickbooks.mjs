// node-quickbooks, unmodified, against the sandbox: argv is its address, the realm and a refresh token. Prints what it got as JSON.
import QuickBooks from 'node-quickbooks'
import { promisify } from 'node:util'

const [address, realm, refreshToken] = process.argv.slice(2)
QuickBooks.V3_ENDPOINT_BASE_URL = `${address}/v3/company/`
QuickBooks.TOKEN_URL = `${address}/oauth2/v1/tokens/bearer`
const client = new QuickBooks('app', 'hush', 'none', false, realm, true, false, 75, '2.0', refreshToken)
const call = (name, ...values) => promisify(client[name]).apply(client, values)
const refused = async (name, ...values) => {
  try {
    await call(name, ...values)
  } catch (error) {
    return (error.response?.data ?? error).Fault.Error[0].code
  }
  throw new Error(`${name} was not refused`)
}

await call('refreshAccessToken')
const began = new Date(Date.now() - 2000)
const family = `Pike ${began.getTime()}`
const created = await call('createEmployee', {
  GivenName: 'Ottoline',
  FamilyName: family,
  PrimaryPhone: { FreeFormNumber: '(503) 555-0142' },
  PrimaryEmailAddr: { Address: 'o@stonecourse.example' },
})
const read = await call('getEmployee', created.Id)
const updated = await call('updateEmployee', { ...read, MiddleName: "O'Brien", sparse: false })
const stale = await refused('updateEmployee', { ...read, MiddleName: 'Late', sparse: false })
const twice = await refused('createEmployee', { GivenName: 'Ottoline', FamilyName: family, DisplayName: updated.DisplayName })
const found = await call('findEmployees', [{ field: 'FamilyName', value: family }, { field: 'limit', value: 5 }])
const all = await call('findEmployees', { fetchAll: true })
const counted = await call('findEmployees', { count: true })
const batch = await call('batch', [
  { bId: '1', operation: 'create', Employee: { GivenName: 'Ada', FamilyName: family } },
  { bId: '2', operation: 'create', Employee: { GivenName: 'Ada', FamilyName: family } },
  { bId: '3', operation: 'update', Employee: { ...updated, Active: false } },
  { bId: '4', Query: `select * from Employee where FamilyName = '${family}'` },
])
const changes = await call('changeDataCapture', ['Employee', 'Vendor'], began)
const company = await call('getCompanyInfo', realm)
const missing = await refused('getEmployee', '999999')

console.log(JSON.stringify({ created, read, updated, stale, twice, found, all, counted, batch, changes, company, missing }))
