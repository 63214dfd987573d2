// What is measured of a side. Each returns numbers of which a median is taken.

const us = (ms) => ms * 1000

/** Microseconds for which each call keeps the thread, with `megabytes` in memory. */
async function blocked({ spawn }, { file, count, megabytes }) {
  const ballast = []
  for (let mb = 0; mb < megabytes; mb += 64) ballast.push(new Uint8Array(64 << 20).fill(1))
  const samples = []
  for (let i = 0; i < count + 20; i++) {
    const begin = performance.now()
    const done = spawn(file)
    const took = performance.now() - begin
    await done
    if (i >= 20) samples.push(us(took))
  }
  if (ballast.length * 64 < megabytes) throw new Error('the ballast is gone')
  return samples
}

/** Processes per second, `flight` of them at any time. */
async function rate({ spawn }, { file, count, flight }) {
  const start = async (total) => {
    let started = 0
    const one = async () => {
      while (started++ < total) await spawn(file)
    }
    await Promise.all(Array.from({ length: flight }, one))
  }
  // Long enough for the engine to have compiled what it will.
  await start(Math.min(count, 1000))
  const begin = performance.now()
  await start(count)
  return [count / ((performance.now() - begin) / 1000)]
}

/** Microseconds to run a program that writes `bytes`, and have them. */
async function collect({ run }, { count, bytes }) {
  const samples = []
  for (let i = 0; i < count + 3; i++) {
    const begin = performance.now()
    const got = await run('head', ['-c', String(bytes), '/dev/zero'])
    if (got !== bytes) throw new Error(`${got} bytes instead of ${bytes}`)
    if (i >= 3) samples.push(us(performance.now() - begin))
  }
  return samples
}

/** Milliseconds of the longest time a 1 ms timer was late while `count` were started, 16 at a time. */
async function stall({ spawn }, { file, count }) {
  const start = async (total) => {
    let started = 0
    const one = async () => {
      while (started++ < total) await spawn(file)
    }
    await Promise.all(Array.from({ length: 16 }, one))
  }
  await start(100)
  let longest = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last - 1)
    last = now
  }, 1)
  await start(count)
  clearInterval(timer)
  return [longest]
}

export const measures = { blocked, rate, collect, stall }
