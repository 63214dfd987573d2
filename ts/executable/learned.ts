/** What the kernel's template knows of the starts of its program, from its fdinfo. */
import { readFileSync } from 'node:fs'

/** What a template knows. Pages are of the kernel's size, on most machines 4 KiB. */
export interface TemplateLearned {
  /** Starts from the template so far. */
  starts: number
  /** How many of them the kernel has learned from: the first four, then each 32nd. */
  from: number
  /** Files of which it knows pages: the program, its interpreter, libraries. */
  files: number
  /** Pages of files that the next start has mapped at once. */
  pages: number
  /** Pages that the next start has copied or allocated at once, as each one wrote to them. */
  copies: number
  /** The kernel's memory for all this, which your cgroup pays for. */
  bytes: number
  /** Pages that were mapped at once in those starts that it has learned from. */
  mapped: number
  /** How many of these they touched. */
  used: number
  /** How many others they touched. */
  missed: number
}

const lines: ReadonlyArray<[keyof TemplateLearned, string]> = [
  ['starts', 'starts'],
  ['from', 'learnt-from'],
  ['files', 'learnt-files'],
  ['pages', 'learnt-pages'],
  ['copies', 'learnt-copies'],
  ['bytes', 'learnt-bytes'],
  ['mapped', 'mapped'],
  ['used', 'used'],
  ['missed', 'missed'],
]

/** Of the template open as `fd`; undefined if it does not learn, or there is no /proc. */
export function learnedOf(fd: number): TemplateLearned | undefined {
  let info: string
  try {
    info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  } catch {
    return undefined
  }
  const found = new Map(info.split('\n').map((line) => line.split(/:\s*/, 2) as [string, string]))
  if (!found.has('learnt-from')) return undefined
  const numbers = lines.map(([name, line]) => [name, Number(found.get(line))])
  return Object.fromEntries(numbers) as TemplateLearned
}
