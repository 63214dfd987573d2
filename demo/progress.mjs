// The demo's progress: a bar on a terminal, otherwise a line for each quarter.
import { SingleBar } from 'cli-progress'

/** The width of the bar and its surroundings, without the title. */
const BAR = { size: 30, around: 10 }

/**
 * @param {string} title  what is being done
 * @param {NodeJS.WriteStream} [stream]
 * @returns {{ update: (share: number) => void, stop: () => void }} `update` accepts
 *   the share done, from 0 to 1
 */
export function showProgress(title, stream = process.stderr) {
  if (stream.isTTY) {
    const room = Math.max(0, (stream.columns ?? 80) - BAR.size - BAR.around)
    const bar = new SingleBar({
      ...{ format: `{bar} {percentage} %  ${title.slice(0, room)}`, barsize: BAR.size },
      ...{ stream, clearOnComplete: true, hideCursor: true, barCompleteChar: '█' },
      barIncompleteChar: '░',
    })
    bar.start(100, 0)
    return { update: (share) => bar.update(Math.floor(share * 100)), stop: () => bar.stop() }
  }
  let said = 0
  stream.write(`demo: ${title}\n`)
  return {
    update(share) {
      const quarter = Math.floor(share * 4)
      if (quarter <= said || quarter === 4) return
      said = quarter
      stream.write(`demo: ${title}: ${quarter * 25} %\n`)
    },
    stop() {},
  }
}
