// SPDX-License-Identifier: GPL-2.0
// Counts the results in the output of kernel/guest/selftests.sh as it arrives.
import { StringDecoder } from 'node:string_decoder'
import { Parser } from 'tap-parser'

/** kselftest's exit status for a program that cannot test anything here. */
const KSFT_SKIP = 4
const TIMED_OUT = 124

const MARKER = /^# selftest: (\S+)(?: ended with (\d+))?$/

/** The results of one program, from its TAP and how it ended. */
class Program {
  #parser = new Parser()
  #results

  constructor(name) {
    this.name = name
    this.#parser.on('complete', (results) => {
      this.#results = results
    })
  }

  line(text) {
    this.#parser.write(`${text}\n`)
  }

  /** @param {number | undefined} status  undefined if the machine ended first */
  end(status) {
    this.#parser.end()
    const { count, pass, fail, skip, todo, plan, bailout } = this.#results
    const counts = { passed: pass - skip - todo, failed: fail, skipped: skip + todo, problem: '' }
    const planned = plan.end ?? 0
    if (status === KSFT_SKIP && fail === 0) {
      if (counts.skipped === 0) counts.skipped = 1
    } else if (status === undefined) counts.problem = 'the machine ended before it did'
    else if (status === TIMED_OUT) counts.problem = 'it took too long and was killed'
    else if (status > 128) counts.problem = `it died of signal ${status - 128}`
    else if (bailout) counts.problem = 'it bailed out'
    else if (count !== planned) counts.problem = `it ran ${count} of ${planned} tests`
    else if (count === 0) counts.problem = 'it has no tests'
    else if (status !== 0 && fail === 0) counts.problem = `it ended with status ${status}`
    if (counts.problem !== '') counts.failed = Math.max(1, fail)
    return counts
  }
}

/** Adds up the programs of a run; `write` takes the machine's output. */
export class Summary {
  passed = 0
  failed = 0
  skipped = 0
  /** @type {string[]} programs that did worse than fail a test */
  problems = []

  #decoder = new StringDecoder('utf8')
  #rest = ''
  #program
  #missing

  /** @param {string[]} names  the programs that will run, in order */
  constructor(names) {
    this.#missing = new Set(names)
  }

  write(data) {
    const lines = (this.#rest + this.#decoder.write(data)).split('\n')
    this.#rest = lines.pop()
    for (const line of lines) this.#line(line)
  }

  #line(line) {
    const [, name, status] = MARKER.exec(line) ?? []
    if (!name) this.#program?.line(line)
    else if (status === undefined) this.#program = new Program(name)
    else this.#finish(Number(status))
  }

  #finish(status) {
    const { passed, failed, skipped, problem } = this.#program.end(status)
    this.passed += passed
    this.failed += failed
    this.skipped += skipped
    if (problem) this.problems.push(`${this.#program.name}: ${problem}`)
    this.#missing.delete(this.#program.name)
    this.#program = undefined
  }

  end() {
    if (this.#program) this.#finish(undefined)
    for (const name of this.#missing) {
      this.failed++
      this.problems.push(`${name}: did not run`)
    }
    if (this.passed + this.failed + this.skipped === 0) this.problems.push('no test ran')
  }

  get ok() {
    return this.failed === 0 && this.problems.length === 0
  }

  toString() {
    return `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`
  }
}
