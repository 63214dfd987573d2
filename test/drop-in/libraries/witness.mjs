// Loaded with the drop-in: writes down how a program's processes were started.
import { subscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const seen = { started: 0, failed: 0, waited: 0, delegated: [] }
subscribe('uring-spawn:launch', ({ event, waited, reason }) => {
  if (event === 'started' || event === 'failed') {
    seen[event]++
    if (waited > 0) seen.waited++
  }
  if (event === 'delegated') seen.delegated.push(reason)
})
const file = join(process.env.LIBRARIES_WITNESS, `${process.pid}.json`)
process.on('exit', () => writeFileSync(file, JSON.stringify(seen)))
