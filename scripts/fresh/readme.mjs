// What the README tells a user to type and what it promises in return.
// `npm run test:fresh` runs this text itself, so the two cannot drift apart.

/**
 * @typedef {object} Readme
 * @property {string[]} commands  every line of every `sh` block, without comments, and what
 *   the text itself has between backticks that begins with `npm`
 * @property {string} install     the first `sh` block under "Install"
 * @property {string} program     the first `js` block under "First program"
 * @property {RegExp} prints      the `text` block after it; "…" stands for anything in a line
 */

/** Fenced blocks in order (the heading above, the language, the text) and commands in the text. */
function parse(markdown) {
  const found = []
  const inline = []
  let heading = ''
  let open
  for (const line of markdown.split('\n')) {
    const fence = /^```(\w*)\s*$/.exec(line)
    if (open && fence) {
      found.push({ ...open, text: open.lines.join('\n') })
      open = undefined
    } else if (open) open.lines.push(line)
    else if (fence) open = { heading, language: fence[1], lines: [] }
    else {
      heading = /^#+ (.*)$/.exec(line)?.[1].trim() ?? heading
      inline.push(...[...line.matchAll(/`(npm [^`]+)`/g)].map(([, command]) => command))
    }
  }
  if (open) throw new Error(`README: the ${open.language} block under "${heading}" has no end`)
  return { blocks: found, inline }
}

const escaped = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** @returns {Readme} */
export function readReadme(markdown) {
  const { blocks, inline } = parse(markdown)
  const first = (heading, language) => {
    const block = blocks.find((one) => one.heading === heading && one.language === language)
    if (block) return block.text
    throw new Error(`README: no ${language} block under the heading "${heading}"`)
  }
  const typed = blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
  const output = first('First program', 'text').split('\n').map(escaped).join('\n')
  return {
    commands: [...typed, ...inline],
    install: first('Install', 'sh'),
    program: first('First program', 'js'),
    prints: new RegExp(`^${output.replaceAll('…', '.*')}$`, 'm'),
  }
}

/** The npm script that a command runs, if it runs one: 'demo' for `npm run demo -- --stock`. */
export const scriptOf = (command) => /^npm (?:run (?:--silent )?)?([\w:]+)/.exec(command)?.[1]

/** `command`, which the README must still have. */
export function commandOf({ commands }, command) {
  if (commands.includes(command)) return command
  throw new Error(`README: no sh block has the command "${command}"`)
}
