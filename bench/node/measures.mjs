// The measurements. Each returns samples, whose median is reported.
import { openSync, readdirSync, readFileSync, readSync } from 'node:fs'

const us = (ms) => ms * 1000

/**
 * Starts before anything is measured: V8 goes on compiling until about 1500
 * starts, in threads that take processor time from the children.
 */
const WARM = { calls: 2000, ms: 2000 }

/** Microseconds for which each call blocks the thread, with `megabytes` in memory. */
async function blocked(side, { file, count, megabytes, pipes }) {
  const spawn = pipes ? side.piped : side.spawn
  const samples = []
  const start = async (times) => {
    for (let i = 0; i < times; i++) {
      const begin = performance.now()
      const done = spawn(file)
      const took = performance.now() - begin
      await done
      samples.push(us(took))
    }
  }
  // Warm up before the memory is allocated: calls may take long after it.
  await start(WARM.calls)
  const ballast = []
  for (let mb = 0; mb < megabytes; mb += 64) ballast.push(new Uint8Array(64 << 20).fill(1))
  await start(2)
  samples.length = 0
  await start(count)
  if (ballast.length * 64 < megabytes) throw new Error('the ballast is gone')
  return samples
}

/** Processes per second over `ms`, `flight` of them at any time. */
async function rate({ spawn }, { file, ms, flight }) {
  const start = async (ms) => {
    const begin = performance.now()
    let started = 0
    const one = async () => {
      while (performance.now() - begin < ms) {
        started++
        await spawn(file)
      }
    }
    await Promise.all(Array.from({ length: flight }, one))
    return started / ((performance.now() - begin) / 1000)
  }
  await start(WARM.ms)
  return [await start(ms)]
}

/** Microseconds to run a program that writes `bytes`, and to collect them. */
async function collect({ run }, { warm, count, bytes }) {
  const samples = []
  for (let i = 0; i < warm + count; i++) {
    const begin = performance.now()
    const got = await run('head', ['-c', String(bytes), '/dev/zero'])
    if (got !== bytes) throw new Error(`${got} bytes instead of ${bytes}`)
    if (i >= warm) samples.push(us(performance.now() - begin))
  }
  return samples
}

/** Microseconds from the call to the end of a process, one at a time. */
async function latency(side, { file, count, runs }) {
  const start = runs ? () => side.run(file, []) : () => side.spawn(file)
  const samples = []
  for (let i = 0; i < WARM.calls + count; i++) {
    const begin = performance.now()
    await start()
    if (i >= WARM.calls) samples.push(us(performance.now() - begin))
  }
  return samples
}

/** How often the threads of this process have left a processor so far, voluntarily or not. */
function switchesSoFar() {
  let sum = 0
  for (const thread of readdirSync('/proc/self/task')) {
    let status
    try {
      status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8')
    } catch {
      // It has ended meanwhile.
      continue
    }
    for (const [, number] of status.matchAll(/voluntary_ctxt_switches:\s+(\d+)/g)) sum += +number
  }
  return sum
}

/** Context switches of this process per child, one at a time. */
async function switches({ spawn }, { file, count }) {
  for (let i = 0; i < WARM.calls; i++) await spawn(file)
  const before = switchesSoFar()
  for (let i = 0; i < count; i++) await spawn(file)
  return [(switchesSoFar() - before) / count]
}

/** The processor time of this thread so far, in nanoseconds, as a function. */
function processorTime() {
  const fd = openSync('/proc/thread-self/schedstat')
  const buffer = new Uint8Array(64)
  const text = new TextDecoder()
  return () => {
    const bytes = readSync(fd, buffer, 0, buffer.length, 0)
    return Number.parseInt(text.decode(buffer.subarray(0, bytes)), 10)
  }
}

/**
 * Microseconds of the thread's processor time per child, one at a time: in the call and
 * after it. A library may do in one what another does in the other.
 */
async function spent({ spawn }, { file, count }) {
  for (let i = 0; i < WARM.calls; i++) await spawn(file)
  const used = processorTime()
  const before = used()
  for (let i = 0; i < count; i++) await spawn(file)
  return [(used() - before) / 1000 / count]
}

async function longest({ spawn }, { file, count, flight }, clock) {
  const start = async (total) => {
    let started = 0
    const one = async () => {
      while (started++ < total) await spawn(file)
    }
    await Promise.all(Array.from({ length: flight }, one))
  }
  await start(WARM.calls)
  let most = 0
  let last = clock()
  const look = () => {
    const now = clock()
    most = Math.max(most, now - last)
    last = now
  }
  const timer = setInterval(look, 1)
  await start(count)
  // The timer may not have fired since.
  look()
  clearInterval(timer)
  return most
}

/** By how many milliseconds a 1 ms timer was late at most while `count` were started, `flight` at a time. */
async function stall(side, options) {
  return [(await longest(side, options, () => performance.now())) - 1]
}

/**
 * The most processor time, in milliseconds, that the thread used between two
 * firings of a 1 ms timer: its own work during a stall. The rest of a stall is
 * the wait for a processor that the children use.
 */
async function work(side, options) {
  const used = processorTime()
  return [await longest(side, options, () => used() / 1e6)]
}

export const measures = { blocked, rate, latency, switches, spent, collect, stall, work }
