// The licences of what others wrote and the package contains: npm packages that are a
// part of the command line and of explain()'s table, and what is linked into the addon.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../tools/paths.mjs'

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`

const linked = [
  {
    name: 'liburing',
    about: 'Linked into the addon. Under either the MIT licence, as here, or the LGPL 2.1.',
    text: `Copyright 2019-2022 Jens Axboe <axboe@kernel.dk>\n\n${MIT}`,
  },
  {
    name: 'libstdc++',
    about: 'Small parts are linked into the addon.',
    text:
      'Copyright Free Software Foundation, Inc. Under the GPL 3.0 with the GCC Runtime Library\n' +
      'Exception 3.1, which permits to convey the addon under the terms of our choice.',
  },
]

/** The text of a package's licence. Throws if it has none. */
function licence(name) {
  const folder = join(root, 'node_modules', name)
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (file) return readFileSync(join(folder, file), 'utf8').trim()
  throw new Error(`${name} has no file with its licence`)
}

const section = ({ name, about, text }) => `## ${name}\n\n${about}\n\n\`\`\`text\n${text}\n\`\`\`\n`

/** Writes all of them to a file. The library must have been built. */
export function writeNotices(file) {
  const inLibrary = JSON.parse(readFileSync(join(root, 'dist/packages.json'), 'utf8'))
  const sections = [
    ...linked,
    ...['node-addon-api', 'node-api-headers'].map((name) => ({
      name,
      about: 'Headers: in `headers/`, and in the addon.',
      text: licence(name),
    })),
    ...inLibrary.map((name) => ({
      name,
      about: 'A part of the command line, or of the table that explain() prints.',
      text: licence(name),
    })),
  ]
  const head = '# What others wrote\n\nThe package is under the MIT licence. It contains:\n'
  writeFileSync(file, [head, ...sections.map(section)].join('\n'))
}
