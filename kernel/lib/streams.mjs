// SPDX-License-Identifier: GPL-2.0
// The command's standard streams where the host has no terminal: QEMU connects
// each to a socket here.
import { createServer } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'

export const ports = ['stdin', 'stdout', 'stderr']

/** Listens for the connection of QEMU's port `name` and passes it to `serve`. */
function listen(dir, name, serve) {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      server.close()
      socket.on('error', () => socket.destroy())
      serve(socket)
    })
    server.on('error', reject)
    server.listen(join(dir, name), () => resolve(server))
  })
}

/** Frames standard input as kernel/guest/init.c expects it: a length, then the bytes. */
function frame(data) {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(data.length)
  return Buffer.concat([length, data])
}

const END = frame(Buffer.alloc(0))

function sendStdin(socket) {
  process.stdin.on('data', (data) => {
    if (!socket.write(frame(data))) process.stdin.pause()
  })
  socket.on('drain', () => process.stdin.resume())
  process.stdin.on('end', () => socket.write(END))
  process.stdin.on('error', () => socket.write(END))
}

/**
 * Listens in `dir` for the machine's three ports.
 * @param {string} dir
 * @param {{ stdin: boolean, stdout: NodeJS.WritableStream, stderr: NodeJS.WritableStream }} host
 *   stdin: whether the command gets this process's standard input, or an empty one
 */
export async function connectStreams(dir, { stdin, stdout, stderr }) {
  const drained = []
  const sockets = []
  const output = (stream) => (socket) => {
    sockets.push(socket)
    drained.push(new Promise((resolve) => socket.on('close', resolve)))
    // The reader is gone, so nothing empties the socket any more.
    stream.on('error', () => socket.destroy())
    socket.pipe(stream, { end: false })
  }
  const servers = [
    await listen(dir, 'stdin', stdin ? sendStdin : (socket) => socket.write(END)),
    await listen(dir, 'stdout', output(stdout)),
    await listen(dir, 'stderr', output(stderr)),
  ]
  return {
    /** Resolves, after QEMU has ended, once all its output has been passed on. */
    drained: () => Promise.all(drained),
    close() {
      for (const server of servers) server.close()
      for (const socket of sockets) socket.destroy()
      if (stdin) process.stdin.destroy()
    },
  }
}
