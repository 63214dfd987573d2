// A client of the Model Context Protocol, and a server that it starts.
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { rejection, say } from './result.mjs'

const server = fileURLToPath(new URL('mcp-server.mjs', import.meta.url))
async function connect() {
  const options = {
    command: process.execPath,
    args: [server],
    stderr: 'pipe',
    env: { WHO: 'client' },
  }
  const transport = new StdioClientTransport(options)
  const client = new Client({ name: 'client', version: '1.0.0' })
  await client.connect(transport)
  return { client, transport }
}
const { client, transport } = await connect()
say('pid', transport.pid > 0)
say('server', client.getServerVersion())
say(
  'tools',
  (await client.listTools()).tools.map(({ name, description }) => [name, description]),
)
const add = async (a, b) => (await client.callTool({ name: 'add', arguments: { a, b } })).content
say('add', await add(1, 2))
say('many', await Promise.all(Array.from({ length: 50 }, (_, n) => add(n, n))))
say('program', (await client.callTool({ name: 'program', arguments: { text: 'b\na\n' } })).content)
say('large', (await client.callTool({ name: 'large', arguments: {} })).content[0].text.length)
say('error', (await client.callTool({ name: 'fail', arguments: {} })).isError)
const closed = new Promise((resolve) => {
  client.onclose = () => resolve('closed')
})
await client.close()
say('close', await closed)
const others = await Promise.all([connect(), connect(), connect()])
say(
  'others',
  await Promise.all(others.map(async ({ client }) => (await client.listTools()).tools.length)),
)
const [first] = others
const lost = rejection(first.client.callTool({ name: 'crash', arguments: {} }))
say('crash', (await lost).message)
await Promise.all(others.map(({ client }) => client.close()))
const missing = new StdioClientTransport({ command: 'no-such-program' })
say('missing', (await rejection(new Client({ name: 'c', version: '1' }).connect(missing))).code)
