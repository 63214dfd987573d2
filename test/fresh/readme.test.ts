import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { commandOf, readReadme, scriptOf } from '../../scripts/fresh/readme.mjs'

const fence = '```'
const page = `# A title

${fence}sh
npm run demo     # with a comment
npm test
${fence}

## Install

${fence}sh
npm pack
mkdir -p ~/hello && cd ~/hello

npm install "$OLDPWD/it.tgz"   # here
${fence}

### First program

Text between, which names \`npm run lint -- --fix\`, and \`node x.js\`.

${fence}js
import { run } from 'it'
console.log('# no comment')
${fence}

${fence}text
git version …: exit code 0 (or so)
ENOENT cwd
${fence}

## More

${fence}js
another()
${fence}
`

describe("the steps that the README's text gives for a bare system", () => {
  test('have the commands of all sh blocks, without comments, and those in the text', () => {
    expect(readReadme(page).commands).toEqual([
      'npm run demo',
      'npm test',
      'npm pack',
      'mkdir -p ~/hello && cd ~/hello',
      'npm install "$OLDPWD/it.tgz"',
      'npm run lint -- --fix',
    ])
  })

  test('have the whole install block and first program', () => {
    const { install, program } = readReadme(page)
    expect(install.split('\n')).toHaveLength(4)
    expect(program).toBe("import { run } from 'it'\nconsole.log('# no comment')")
  })

  test("have the program's output, with … for anything", () => {
    const { prints } = readReadme(page)
    expect('before\ngit version 2.39.5: exit code 0 (or so)\nENOENT cwd\nafter').toMatch(prints)
    expect('git version 2.39.5: exit code 0 or so\nENOENT cwd').not.toMatch(prints)
    expect('git version 2.39.5: exit code 0 (or so)\nEACCES cwd').not.toMatch(prints)
    expect('git version 2\n.39.5: exit code 0 (or so)\nENOENT cwd').not.toMatch(prints)
  })

  test.each(['Install', 'First program'])('need the section "%s"', (heading) => {
    expect(() => readReadme(page.replace(heading, 'Elsewhere'))).toThrow(heading)
  })

  test('need the end of each block', () => {
    expect(() => readReadme(`# A\n${fence}sh\nnpm test\n`)).toThrow('has no end')
  })

  test('need a command that runs', () => {
    expect(commandOf(readReadme(page), 'npm run demo')).toBe('npm run demo')
    expect(() => commandOf(readReadme(page), 'npm run dem')).toThrow('npm run dem')
  })

  test.each([
    ['npm run demo -- --stock', 'demo'],
    ['npm run --silent test:host', 'test:host'],
    ['npm test', 'test'],
    ['node first.mjs', undefined],
  ])('%s runs the script %s', (command, script) => {
    expect(scriptOf(command)).toBe(script)
  })

  test('exist for the README itself', () => {
    const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const readme = readReadme(text)
    for (const command of [
      'npm run demo',
      'npm test',
      'npm run test:host',
      'npm run lab -- -- uname -r',
    ]) {
      expect(readme.commands).toContain(command)
    }
    expect(readme.install).toContain('npm pack')
    expect(readme.program).toContain("from 'uring-spawn'")
  })
})
