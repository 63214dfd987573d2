// All operations, and how often each comes.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { isRoot } from '../world.mjs'
import * as ending from './ending.mjs'
import * as failures from './failures.mjs'
import * as hanging from './hanging.mjs'
import * as many from './many.mjs'
import * as output from './output.mjs'
import * as place from './place.mjs'
import { scarce } from './scarce.mjs'
import * as stdio from './stdio.mjs'
import * as streams from './streams.mjs'
import * as templates from './templates.mjs'
import * as workers from './workers.mjs'

/**
 * @typedef {object} Operation
 * @property {string} name
 * @property {(task: import('../task.mjs').Task) => Promise<void>} perform
 *   throws a Violation where anything is not as it has to be
 * @property {number} weight  how often it comes, relative to the others
 * @property {boolean} alone  nothing else may run meanwhile
 */

/** How often: what is cheap is what most processes of a program are. */
const OFTEN = 100
const NOW_AND_THEN = 20
const SELDOM = 4
const RARELY = 1

/** Those of a module. */
const all = (module, name, weight, exceptions = {}) =>
  Object.entries(module).map(([each, perform]) => ({
    ...{ name: `${name}.${each}`, perform, alone: false },
    weight: exceptions[each] ?? weight,
  }))

/** Whether we may change our group; a Node that may use io_uring refuses to. */
function mayChangeGroup() {
  try {
    process.setgid(process.getgid())
    return isRoot
  } catch {
    return false
  }
}

/** Whether the kernel lets us be a debugger. */
function mayDebug({ witness, hold }) {
  const child = spawn(witness, ['copy'], { stdio: ['pipe', 'ignore', 'ignore'] })
  const { status } = spawnSync(hold, [`${child.pid}`], { input: '' })
  child.kill('SIGKILL')
  return status === 0
}

/** Whether the file system has leases. */
const hasLeases = ({ lease, text }) => spawnSync(lease, [text], { input: '' }).status === 0

/**
 * Those that work here.
 * @param {string[]} backends  those of the run
 * @param {import('../world.mjs').World} world
 * @returns {{ found: Operation[], without: string[] }} without: the names of the others
 */
export function operations(backends, world) {
  const found = [
    ...all(output, 'output', OFTEN, { overflow: NOW_AND_THEN, grandchild: NOW_AND_THEN }),
    ...all(place, 'place', OFTEN, { joined: NOW_AND_THEN, setgid: RARELY }),
    ...all(stdio, 'stdio', OFTEN, { files: NOW_AND_THEN }),
    ...all(streams, 'streams', OFTEN, { destroyed: NOW_AND_THEN, disposed: NOW_AND_THEN }),
    ...all(ending, 'ending', NOW_AND_THEN, { grace: SELDOM, grandchildHolds: SELDOM }),
    ...all(many, 'many', NOW_AND_THEN),
    ...all(templates, 'templates', NOW_AND_THEN, { shared: OFTEN, stale: SELDOM }),
    ...all(failures, 'failures', NOW_AND_THEN, { searched: OFTEN }),
    ...all(hanging, 'hanging', SELDOM),
    ...all(workers, 'workers', SELDOM),
    { name: 'scarce', perform: scarce, weight: SELDOM, alone: true },
  ]
  const lacking = new Set()
  if (!mayChangeGroup()) lacking.add('place.setgid')
  if (!existsSync('/usr/bin/prlimit')) lacking.add('scarce')
  if (!mayDebug(world)) lacking.add('hanging.debugged').add('hanging.released')
  // The backend spawn_template opens the executable in the thread that launches, and hangs there itself.
  if (!hasLeases(world) || backends.includes('spawn_template')) lacking.add('hanging.leased')
  return { found: found.filter(({ name }) => !lacking.has(name)), without: [...lacking] }
}
