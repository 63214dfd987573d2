/** The types of the drop-in are those of node:child_process. */
import node from 'node:child_process'
import { expectTypeOf, test } from 'vitest'
import drop, * as all from '../../dist/child-process/index.js'
import { register, unregister } from '../../dist/child-process/register.js'

test('every export has its type', () => {
  expectTypeOf(all.spawn).toEqualTypeOf<typeof node.spawn>()
  expectTypeOf(all.exec).toEqualTypeOf<typeof node.exec>()
  expectTypeOf(all.execFile).toEqualTypeOf<typeof node.execFile>()
  expectTypeOf(all.fork).toEqualTypeOf<typeof node.fork>()
  expectTypeOf(all.spawnSync).toEqualTypeOf<typeof node.spawnSync>()
  expectTypeOf<all.ChildProcess>().toEqualTypeOf<node.ChildProcess>()
  expectTypeOf<all.SpawnOptions>().toEqualTypeOf<node.SpawnOptions>()
  expectTypeOf(drop.spawn('a', { stdio: 'pipe' }).stdout).toEqualTypeOf(
    node.spawn('a', { stdio: 'pipe' }).stdout,
  )
  expectTypeOf(register).toEqualTypeOf<() => void>()
  expectTypeOf(unregister).toEqualTypeOf<() => void>()
})
