// Where this clone is.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder, with a slash at its end. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** The log of what is called `name`. */
export const logFile = (name) => join(root, 'out/log', `${name.replaceAll(/\W+/g, '-')}.log`)
