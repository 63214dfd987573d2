/** Options that may be undefined: exact.test.ts compiles this with exactOptionalPropertyTypes. */

import { clone, compile, exec, explain, Ring } from '../../dist/chain/index.js'
import {
  batch,
  type RunOptions,
  run,
  type SpawnOptions,
  spawn,
  template,
} from '../../dist/index.js'

type Maybe<T> = { [K in keyof T]-?: T[K] | undefined }

/** As a function has it that passes its own options on. */
export async function pass(given: Maybe<SpawnOptions>, more: Maybe<RunOptions>) {
  const child = await spawn('a', [], given)
  const { cwd, env, timeout, signal, killGrace, stdio } = given
  await spawn('a', [], { cwd, env, timeout, signal, killGrace, stdio })
  const result = await run('a', [], more)
  const { input, encoding, maxBuffer, onLine, check } = more
  const text: string = (await run('a', [], { input, encoding, maxBuffer, onLine, check })).stdout
  const all = await batch([{ file: 'a', args: undefined, cwd, timeout }], {
    concurrency: undefined,
    signal,
    onProgress: undefined,
  }).all()
  const made = await template('a', { onStale: undefined })
  await made.run([], { timeout, check })
  const ring = new Ring({ backend: undefined })
  ring.submit([clone({ fds: undefined }), exec('/a', { argv: undefined })], { closeFds: undefined })
  explain(compile({ file: 'a', args: undefined, cwd })).toString({ width: undefined })
  return [child, result.stdout, text, all] as const
}
