// When each of several steps runs: a few at a time, those first that the most
// work waits for.

/**
 * @typedef {object} Planned
 * @property {string} title
 * @property {number} [seconds]  about how long it takes, 0 by default
 * @property {string[]} [after]  titles of steps that must succeed first; one that is
 *   not among the steps does not count
 * @property {string} [group]    one step of a group runs at a time
 */

/** For each title the seconds from the start of its step until all that waits for it has ended. */
function ranksOf(steps) {
  const ranks = new Map()
  const rank = (step) => {
    if (!ranks.has(step.title)) {
      const later = steps.filter(({ after = [] }) => after.includes(step.title))
      ranks.set(step.title, (step.seconds ?? 0) + Math.max(0, ...later.map(rank)))
    }
    return ranks.get(step.title)
  }
  for (const step of steps) rank(step)
  return ranks
}

/**
 * Runs all steps, `places` of them at a time, and resolves when they have ended.
 * @template {Planned} Step
 * @param {Step[]} steps  none may wait for itself
 * @param {number} places
 * @param {(step: Step, lacking?: string) => Promise<boolean>} run  resolves to whether
 *   the step has succeeded; `lacking`: do not run it, because the step of that title,
 *   which it is after, has not
 */
export async function schedule(steps, places, run) {
  const ranks = ranksOf(steps)
  const waiting = [...steps].sort((a, b) => ranks.get(b.title) - ranks.get(a.title))
  /** By title: whether it has succeeded. */
  const ended = new Map()
  /** @type {Map<Step, Promise<void>>} */
  const running = new Map()
  const before = ({ after = [] }) => after.filter((title) => ranks.has(title))
  const isReady = (step) =>
    before(step).every((title) => ended.has(title)) &&
    (step.group === undefined || ![...running.keys()].some(({ group }) => group === step.group))

  async function start(step) {
    const lacking = before(step).find((title) => !ended.get(title))
    ended.set(step.title, await run(step, lacking))
    running.delete(step)
  }

  while (waiting.length + running.size > 0) {
    while (running.size < places) {
      const at = waiting.findIndex(isReady)
      if (at < 0) break
      const [step] = waiting.splice(at, 1)
      running.set(step, start(step))
    }
    await Promise.race(running.values())
  }
}
