/**
 * What the library takes from the runtime, as it was when the library was
 * loaded. Test frameworks replace timers, microtasks and clocks by fakes that
 * stand still; starting programs goes on under them, as in node:child_process.
 */
import * as timers from 'node:timers'

const { clearTimeout, setImmediate, setTimeout } = timers
const { queueMicrotask } = globalThis
const now = performance.now.bind(performance)

export { clearTimeout, now, queueMicrotask, setImmediate, setTimeout }
