// SPDX-License-Identifier: GPL-2.0
// The command's standard streams, where the host has no terminal for it: a
// socket each, which QEMU connects to a port of the machine.
import { createServer } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'

export const ports = ['stdin', 'stdout', 'stderr']

/** Listens where QEMU's port `name` connects; `serve` gets the connection. */
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

/** A piece of standard input as kernel/guest/init.c expects it: length, bytes. */
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
 *   stdin: whether the command gets this process's, or none
 */
export async function connectStreams(dir, { stdin, stdout, stderr }) {
  const drained = []
  const sockets = []
  const output = (stream) => (socket) => {
    sockets.push(socket)
    drained.push(new Promise((resolve) => socket.on('close', resolve)))
    // Whoever read has gone, and with it the pipe that would empty the socket.
    stream.on('error', () => socket.destroy())
    socket.pipe(stream, { end: false })
  }
  const servers = [
    await listen(dir, 'stdin', stdin ? sendStdin : (socket) => socket.write(END)),
    await listen(dir, 'stdout', output(stdout)),
    await listen(dir, 'stderr', output(stderr)),
  ]
  return {
    /** After QEMU has gone: what it sent has all been passed on. */
    drained: () => Promise.all(drained),
    close() {
      for (const server of servers) server.close()
      for (const socket of sockets) socket.destroy()
      if (stdin) process.stdin.destroy()
    },
  }
}
