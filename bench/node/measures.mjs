// What is measured of a side. Each returns numbers of which a median is taken.
import { openSync, readSync } from 'node:fs'

const us = (ms) => ms * 1000

/**
 * What runs before anything is measured: V8 compiles the last of what a start
 * runs after some 1500 of them, on threads that take the children's processors.
 */
const WARM = { calls: 2000, ms: 2000 }

/** Microseconds for which each call keeps the thread, with `megabytes` in memory. */
async function blocked({ spawn }, { file, count, megabytes }) {
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
  // As warm with much memory as with little, where calls may take long.
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

/** Microseconds to run a program that writes `bytes`, and have them. */
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
  // There may have been no turn for a timer.
  look()
  clearInterval(timer)
  return most
}

/** Milliseconds of the longest time a 1 ms timer was late while `count` were started, `flight` at a time. */
async function stall(side, options) {
  return [(await longest(side, options, () => performance.now())) - 1]
}

/**
 * Milliseconds of processor time that the thread used at most between two looks
 * at a 1 ms timer: what of a stall is its own work. The rest is the wait for a
 * processor, which the children use.
 */
async function work(side, options) {
  const fd = openSync('/proc/thread-self/schedstat')
  const buffer = new Uint8Array(64)
  const text = new TextDecoder()
  const used = () => {
    const bytes = readSync(fd, buffer, 0, buffer.length, 0)
    return Number.parseInt(text.decode(buffer.subarray(0, bytes)), 10) / 1e6
  }
  return [await longest(side, options, used)]
}

export const measures = { blocked, rate, collect, stall, work }
