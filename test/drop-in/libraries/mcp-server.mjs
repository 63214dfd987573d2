// The server: one of its tools runs a program.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'

const server = new McpServer({ name: 'server', version: '1.0.0' })
const answer = (value) => ({ content: [{ type: 'text', text: String(value) }] })
const tool = (name, description, inputSchema, work) =>
  server.registerTool(name, { description, inputSchema }, work)

tool('add', 'adds', { a: z.number(), b: z.number() }, async ({ a, b }) => answer(a + b))
tool('large', 'says much', {}, async () => answer('x'.repeat(1_000_000)))
tool('fail', 'fails', {}, async () => {
  throw new Error('on purpose')
})
tool('crash', 'ends the server', {}, async () => process.exit(1))
tool('program', 'sorts', { text: z.string() }, async ({ text: input }) => {
  const child = spawn('sort')
  child.stdin.end(input)
  return answer(`${process.env.WHO}: ${await text(child.stdout)}`)
})
await server.connect(new StdioServerTransport())
