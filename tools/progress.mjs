// Shows what takes long: a bar on a terminal, otherwise a line now and then. Used
// before any npm package is installed, so it needs nothing but Node.
import process from 'node:process'

/** Whether commands show their output as it comes: `--verbose`, or the variable it sets. */
export const isVerbose = () => Boolean(process.env.URING_SPAWN_VERBOSE)

/** Makes this process, and those it starts, verbose. */
export function beVerbose() {
  process.env.URING_SPAWN_VERBOSE = '1'
}

/** Milliseconds after which something that is still running gets a line or a bar. */
const SHORT = 1000
/** Milliseconds between two lines about progress where there is no terminal. */
const PERIOD = 60_000
/** Milliseconds between two drawings of a bar. */
const FRAME = 100
/** 38 → '38 s', 125 → '2 min 5 s'. */
export function duration(seconds) {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const rest = whole % 60
  return `${Math.floor(whole / 60)} min${rest > 0 ? ` ${rest} s` : ''}`
}

/** As `duration`, no more precise than a guess is. */
const roughly = (seconds) =>
  duration(seconds < 60 ? Math.ceil(seconds / 5) * 5 : Math.ceil(seconds / 30) * 30)

/**
 * The bars on the terminal, one below the other; the cursor stays in the last.
 * @type {Set<Progress>}
 */
const bars = new Set()
/** How many lines they take, and the stream they were written to. */
let drawn = 0
let terminal

function erase() {
  if (drawn === 0) return
  terminal.write(drawn === 1 ? '\r\x1b[K' : `\r\x1b[${drawn - 1}A\x1b[J`)
  drawn = 0
}

function draw(stream) {
  const up = drawn > 1 ? `\x1b[${drawn - 1}A` : ''
  const lines = [...bars].map((bar) => `${bar.line(stream.columns || 80)}\x1b[K`)
  stream.write(`\r${up}${lines.join('\n')}`)
  drawn = lines.length
  terminal = stream
}

/** Prints a line above the bars that are on the terminal. */
export function say(text, stream = process.stderr) {
  erase()
  stream.write(`${text}\n`)
}

/**
 * Shows that something takes long: a bar on a terminal, elsewhere a line when it
 * begins and one a minute. Shows nothing of what is over within a second, and
 * leaves nothing on a terminal.
 */
export class Progress {
  #title
  #seconds
  #stream
  #start = Date.now()
  #share
  #note = ''
  #shown = 0
  #waits
  #timer

  /**
   * @param {string} title  'setup: installing 14 Debian packages'
   * @param {{ seconds?: number, stream?: NodeJS.WriteStream, hidden?: boolean,
   *   lazy?: boolean }} [options]
   *   seconds: about how long it takes; hidden: show nothing; lazy: nothing before the first update
   */
  constructor(title, { seconds, stream = process.stderr, hidden = isVerbose(), lazy } = {}) {
    this.#title = title
    this.#seconds = seconds
    this.#stream = stream
    this.#waits = lazy ?? false
    if (hidden) return
    this.#timer = setInterval(() => this.#tick(), FRAME)
    this.#timer.unref()
  }

  get seconds() {
    return (Date.now() - this.#start) / 1000
  }

  /**
   * @param {number | undefined} share  of the work that is done, from 0 to 1, if known
   * @param {string} [note]  what else to show, '120/2600 files'
   */
  update(share, note = '') {
    this.#share = share === undefined ? undefined : Math.min(1, Math.max(0, share))
    this.#note = note
    this.#waits = false
  }

  end() {
    clearInterval(this.#timer)
    // The other bars come back with their next drawing.
    if (bars.delete(this)) erase()
  }

  #tick() {
    const elapsed = Date.now() - this.#start
    if (elapsed < SHORT || this.#waits) return
    if (this.#stream.isTTY) {
      bars.add(this)
      const [first] = bars
      if (first === this) draw(this.#stream)
    } else if (elapsed >= this.#shown * PERIOD) {
      const expected = this.#seconds ? `, about ${roughly(this.#seconds)}` : ''
      const line = this.#shown++ === 0 ? expected : `: ${this.#numbers()}`
      this.#stream.write(`${this.#title}${line}\n`)
    }
  }

  #numbers(note = this.#note) {
    const percent = this.#share === undefined ? '' : `${Math.floor(this.#share * 100)} %`
    return [percent, note, duration(this.seconds)].filter((text) => text !== '').join(', ')
  }

  /** The bar. Where there is not room for all of it, the note goes first, then the title's end. */
  line(columns) {
    const width = 20
    // Where nothing is known but the time it usually takes, that has to do.
    const guess = this.#seconds ? Math.min(0.95, this.seconds / this.#seconds) : 0
    const filled = Math.round((this.#share ?? guess) * width)
    const boxes = `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`
    const lines = [this.#note, ''].map((note) => `${this.#title} ${boxes} ${this.#numbers(note)}`)
    const fitting = lines.find((line) => line.length < columns)
    if (fitting) return fitting
    const rest = ` ${boxes} ${this.#numbers('')}`
    const room = columns - rest.length - 1
    if (room > 10) return `${this.#title.slice(0, room - 1)}…${rest}`
    return rest.trim().slice(0, columns - 1)
  }
}

/**
 * Shows `progress` while `work` runs.
 * @template T
 * @param {Progress} progress
 * @param {() => Promise<T>} work
 */
export async function showing(progress, work) {
  try {
    return await work()
  } finally {
    progress.end()
  }
}
