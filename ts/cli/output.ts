/** Standard output and error of the command line; their readers may end before we do. */
import type { Writable } from 'node:stream'

/** The exit status that a shell reports for a tool ended by SIGPIPE. */
export const PIPE_STATUS = 128 + 13

/**
 * Calls `lost` once if standard output can no longer be written: with EPIPE if its
 * reader has gone (`| head -1`), with ENOSPC if a disk is full. Errors of standard
 * error cannot be reported.
 */
export function watchOutput(lost: (error: NodeJS.ErrnoException) => void): void {
  process.stdout.once('error', lost)
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
}

/** Resolves once `stream` has accepted the bytes, or has failed: watchOutput() reports that. */
export function write(stream: Writable, bytes: string | Uint8Array): Promise<void> {
  if (bytes.length === 0 || stream.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    stream.write(bytes, () => resolve())
  })
}
