/** The documentation site builds: no broken link in a comment, no export without a comment. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { siteCommand } from '../../scripts/site.mjs'

function build(folder: string, args: string[] = []): void {
  const [command, ...rest] = siteCommand(folder, args)
  execFileSync(command as string, rest, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

test('TypeDoc reports no problem', () => {
  // typedoc.json makes warnings errors; nothing is written.
  build(fileURLToPath(new URL('../..', import.meta.url)), ['--emit', 'none'])
}, 600_000)

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-site-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test.each(['a (b) [c] {d,e} f?g* +(h)', '#i !j'])(
  'builds in a folder called %s',
  (name) => {
    const folder = join(dir, name, 'project')
    mkdirSync(join(folder, 'docs'), { recursive: true })
    mkdirSync(join(folder, 'ts'))
    const files = {
      'ts/index.ts': '/** A number. */\nexport const one = 1\n',
      'docs/page.md': '# A page\n',
      'tsconfig.json': JSON.stringify({ compilerOptions: { types: [] }, include: ['ts'] }),
      'typedoc.json': JSON.stringify({
        name: 'project',
        entryPoints: ['ts/index.ts'],
        projectDocuments: ['docs/page.md'],
        readme: 'none',
        out: 'out',
        // As in the project's own: otherwise it wants a git remote.
        disableSources: true,
        treatWarningsAsErrors: true,
      }),
    }
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
    build(folder)
    expect(existsSync(join(folder, 'out/variables/index.one.html'))).toBe(true)
    expect(existsSync(join(folder, 'out/documents/page.html'))).toBe(true)
  },
  600_000,
)
