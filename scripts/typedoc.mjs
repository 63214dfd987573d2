// TypeDoc's plugin for `npm run docs`. It names each document by its heading; a
// front matter would do that too, but GitHub shows it as a table.
import { Converter } from 'typedoc'

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const [heading] = document.content
    const title = heading?.kind === 'text' && /^#\s+(.+)$/m.exec(heading.text)?.[1]
    if (title) document.name = title
  })
}
