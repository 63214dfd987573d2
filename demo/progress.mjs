// How far the demo is: a bar on a terminal, a line for each quarter without one.
import { SingleBar } from 'cli-progress'

/** Characters that the bar and what is around it take, but for the title. */
const BAR = { size: 30, around: 10 }

/**
 * @param {string} title  what is being done
 * @param {NodeJS.WriteStream} [stream]
 * @returns {{ update: (share: number) => void, stop: () => void }} `update`
 *   takes how much is done, from 0 to 1
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
