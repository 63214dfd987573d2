// What the demo must leave in its folder.

const SIDES = ['uring', 'vfork', 'node:child_process']

/**
 * What is wrong with what the demo has left, if anything is.
 * @param {string[]} files  the names in its folder
 * @param {(file: string) => string} read  the text of one
 * @returns {string | undefined}
 */
export function demoProblem(files, read) {
  const left = files.filter((name) => name.startsWith('lab-'))
  if (left.length > 0) return `it left ${left.join(', ')} behind`
  const lacking = ['demo.json', 'demo.html'].find((name) => !files.includes(name))
  if (lacking) return `it wrote no ${lacking}`
  const { here, lab } = JSON.parse(read('demo.json'))
  if (lab?.kernel === undefined) return 'it measured nothing on the patched kernel'
  if (lab.kernel === here.kernel) return `it measured twice on ${lab.kernel}`
  const sides = lab.sides.map(({ side }) => side)
  if (sides.join() !== SIDES.join()) {
    return `on the patched kernel it measured ${sides.join(', ')} and not ${SIDES.join(', ')}`
  }
  for (const { kernel, rounds, failed, different } of [here, lab]) {
    if (rounds > 0 && failed + different === 0) continue
    return `on ${kernel}: ${rounds} rounds, ${failed} failures, ${different} differing answers`
  }
  const figure = '<figure id="lab-rate">'
  if (!read('demo.html').includes(figure)) return `its page has no ${figure}`
  return undefined
}
