/** What tests share. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'

/** Milliseconds that only a program that hangs takes. */
export const HANG = 120_000

/**
 * Returns the result of `work` for a time that was enough for its child to begin.
 * How long that takes on an emulated or busy machine is unknown, so this tries
 * longer and longer times.
 */
export async function inTime<T>(
  work: (milliseconds: number) => Promise<T>,
  begun: (found: T) => boolean,
): Promise<T> {
  for (let ms = 200; ; ms *= 3) {
    try {
      const found = await work(ms)
      if (begun(found) || ms > HANG) return found
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ETIMEDOUT' || ms > HANG) throw error
    }
  }
}

/** All of a stream, as text. */
export async function text(stream: AsyncIterable<Buffer | string> | null): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

export const openFds = (): number => readdirSync('/proc/self/fd').length

/**
 * Pids of this process's children, zombies among them. Each thread has a list of its
 * own, which goes to the first one when it ends: so that one is read last, or a child
 * could pass by unseen.
 */
export const children = (): string =>
  readdirSync('/proc/self/task')
    .reverse()
    .map((task) => {
      try {
        return readFileSync(`/proc/self/task/${task}/children`, 'utf8')
      } catch {
        return '' // The thread has ended.
      }
    })
    .join('')
    .trim()

/** Waits for something that happens soon; the limit is one that no test depends on. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + HANG
  let met = condition()
  for (; !met && Date.now() < end; met = condition()) await sleep(10)
  expect(met, `${condition} within ${HANG} ms`).toBe(true)
}

/**
 * Waits until this process has no child and at most `fds` descriptors. Both may take a
 * moment after the last promise: the kernel reaps the child of a chain that failed, and
 * a stream closes its descriptor after it has ended.
 */
export const nothingLeft = (fds = Infinity): Promise<void> =>
  until(() => openFds() <= fds && children() === '')

/** What a program that a test runs imports. */
export const library = new URL('../dist/index.js', import.meta.url).href

/** For a Node that refuses to change credentials while its own file operations use io_uring. */
export const mayChangeCredentials = { ...process.env, UV_USE_IO_URING: '0' }

/**
 * What to add to the title of a test that changes the credentials of a program:
 * nothing where it runs. A Node with a libuv that is not its own, as Debian 13 has
 * it, always refuses (CVE-2024-22017).
 */
export function withoutCredentials(): string {
  const { status } = spawnSync(process.execPath, ['-e', 'process.setgid(process.getgid())'], {
    env: mayChangeCredentials,
    timeout: HANG,
  })
  return status === 0 ? '' : ' (skipped: this Node never changes credentials)'
}

/** Runs code in a Node process of its own, and returns what it logs as JSON. */
export function inNode(code: string): unknown {
  const out = execFileSync(
    process.execPath,
    ['--input-type=module', '-e', `import { run, spawn } from '${library}'\n${code}`],
    { encoding: 'utf8', env: mayChangeCredentials, timeout: HANG },
  )
  return JSON.parse(out)
}

/** What a promise rejects with; undefined if it resolves. */
export const rejection = (promise: PromiseLike<unknown>) =>
  Promise.resolve(promise).then(
    () => undefined,
    (error) => error,
  )

export const isRoot = process.getuid?.() === 0
