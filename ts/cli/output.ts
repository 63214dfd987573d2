/** Standard output and error of the command line, which may end before we do. */
import type { Writable } from 'node:stream'

/** As a shell reports a tool that SIGPIPE ended. */
export const PIPE_STATUS = 128 + 13

/**
 * Calls `lost` once if standard output can no longer be written: with EPIPE
 * if its reader has gone (`| head -1`), with ENOSPC if a disk is full. Nobody
 * can be told about standard error.
 */
export function watchOutput(lost: (error: NodeJS.ErrnoException) => void): void {
  process.stdout.once('error', lost)
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
}

/** Resolves once `stream` has taken the bytes, or has failed: watchOutput() says so. */
export function write(stream: Writable, bytes: string | Uint8Array): Promise<void> {
  if (bytes.length === 0 || stream.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    stream.write(bytes, () => resolve())
  })
}
