/** Performs one call of node:child_process and records all that a program can see of it. */
import child_process from 'node:child_process'
import { statSync } from 'node:fs'
import { promisify } from 'node:util'

const events = ['spawn', 'error', 'exit', 'close', 'disconnect', 'message']

const describeError = (error) =>
  error && {
    name: error.name,
    message: error.message,
    code: error.code,
    errno: error.errno,
    syscall: error.syscall,
    path: error.path,
    spawnargs: error.spawnargs,
    cmd: error.cmd,
    killed: error.killed,
    signal: error.signal,
    keys: Object.keys(error),
  }

const show = (value) =>
  value instanceof Error
    ? describeError(value)
    : Buffer.isBuffer(value)
      ? `${value.length} bytes ${value.subarray(0, 40).toString('hex')}`
      : typeof value === 'string'
        ? value.slice(0, 2000)
        : value

const streamOf = (stream) =>
  stream && [stream.constructor.name, stream.readable, stream.writable, stream.destroyed]

function stateOf(child) {
  return {
    keys: Object.keys(child).sort(),
    pid: typeof child.pid,
    ...immediateStateOf(child),
  }
}

function immediateStateOf(child) {
  return {
    spawnfile: child.spawnfile,
    spawnargs: child.spawnargs,
    connected: child.connected,
    killed: child.killed,
    exitCode: child.exitCode,
    signalCode: child.signalCode,
    stdio: child.stdio?.map(streamOf),
    same: [child.stdin, child.stdout, child.stderr].map(
      (stream, index) => stream === child.stdio?.[index],
    ),
    channel: typeof child.channel,
  }
}

/** Waits until the child is over and all of it has been told. */
function over(child) {
  return new Promise((resolve) => {
    child.once('close', resolve)
    // Without a process there is no 'close' of streams that were never made.
    if (!child.stdio) setTimeout(resolve, 50)
  })
}

function call(work, callback) {
  const { file, args, options } = work
  switch (work.call) {
    case 'spawn':
      return child_process.spawn(file, args, options)
    case 'fork':
      return child_process.fork(file, args, { silent: true, execArgv: [], ...options })
    case 'exec':
      return child_process.exec(
        [file, ...(Array.isArray(args) ? args : [])].join(' '),
        options,
        callback,
      )
    case 'execFile':
      return child_process.execFile(file, args, options, callback)
    default: {
      const promise = promisify(child_process.execFile)(file, args, options)
      promise.then(
        ({ stdout, stderr }) => callback(null, stdout, stderr),
        (error) => callback(error, error.stdout, error.stderr),
      )
      return promise.child
    }
  }
}

function readStreams(child, seen, how) {
  for (const [index, stream] of (child.stdio ?? []).entries()) {
    if (!stream || index === 0) continue
    const chunks = []
    const name = `stdio[${index}]`
    seen[name] = []
    stream.on('error', (error) => seen[name].push(['error', error.code]))
    stream.on('end', () => seen[name].push('end', show(Buffer.concat(chunks.map(Buffer.from)))))
    stream.on('close', () => seen[name].push('close'))
    const read = () => stream.on('data', (chunk) => chunks.push(chunk))
    if (how === 'data') read()
    else if (how === 'late') child.once('exit', read)
    else if (how === 'async') {
      ;(async () => {
        try {
          for await (const chunk of stream) chunks.push(chunk)
        } catch {}
      })()
    }
  }
}

function talk(child, seen) {
  seen.sent = [child.send({ hello: [1, 'two', null] })]
  child.on('message', () => {
    seen.sent.push(child.send('exit'))
  })
}

/** The observations, as plain values. */
export async function observe(work) {
  const seen = { events: [] }
  const controller = new AbortController()
  const options = work.options
  if (work.abort && options && typeof options === 'object' && !('signal' in options)) {
    work = { ...work, options: { ...options, signal: controller.signal } }
    if (work.abort === 'before') controller.abort()
  }
  let called
  const back = new Promise((resolve) => {
    called = (...values) => {
      seen.callback = values.map(show)
      resolve()
    }
  })
  let child
  try {
    child = call(work, called)
  } catch (error) {
    seen.thrown = describeError(error)
    return seen
  }
  const done = over(child)
  for (const event of events) {
    child.on(event, (...values) => {
      seen.events.push([event, ...values.slice(0, 2).map(show)])
    })
  }
  for (const stream of child.stdio ?? []) stream?.on('error', () => {})
  if (work.pid) seen.pid = typeof child.pid
  seen.now = immediateStateOf(child)
  if (work.unref) {
    child.unref()
    child.ref()
  }
  const kill = () => {
    try {
      return child.kill(work.signal)
    } catch (error) {
      return describeError(error)
    }
  }
  if (work.kill?.startsWith('now')) seen.kill = [kill()]
  if (work.kill === 'now-twice') seen.kill.push(kill())
  if (work.kill === 'spawned') child.once('spawn', () => (seen.kill = [kill()]))
  if (work.abort === 'now') controller.abort()
  if (work.abort === 'soon') child.once('spawn', () => setImmediate(() => controller.abort()))
  if (!work.call.startsWith('exec')) readStreams(child, seen, work.reads)
  // A message to a program that does not start fails with Node only (difference 9).
  const starts =
    options?.cwd === undefined || statSync(options.cwd, { throwIfNoEntry: false })?.isDirectory()
  if (work.call === 'fork' && child.channel && starts) talk(child, seen)
  // A program that reads waits for the end of its input.
  child.stdin?.end(work.feeds ? 'some input\n' : undefined)
  const end = setTimeout(() => child.kill('SIGKILL'), work.stays ? 150 : 20_000)
  await done
  clearTimeout(end)
  if (work.call.startsWith('exec')) await back
  await new Promise(setImmediate)
  seen.after = stateOf(child)
  seen.killAfter = child.kill()
  return seen
}

/** A call that fails gives an error with the properties of a result. */
function showResult(value) {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return show(value)
  const { pid, status, signal, output, stdout, stderr, error } = value
  // How much a child has written until it is ended depends on the moment.
  const overflow = [error?.code, value.code].includes('ENOBUFS')
  const bytes = (read) => (overflow ? read && typeof read : show(read))
  return {
    error: value instanceof Error ? describeError(value) : undefined,
    keys: Object.keys(value),
    prototype: Object.getPrototypeOf(value) === Object.prototype,
    pid: pid > 0 ? 'a pid' : pid,
    status,
    signal,
    output: output?.map(bytes) ?? output,
    same: [stdout === output?.[1], stderr === output?.[2]],
    reason: describeError(error),
    overflow,
  }
}

/** The observations of a call that returns once the child has ended. */
export function observeSync({ call, file, args, options }) {
  const seen = { written: [] }
  const { write } = process.stderr
  process.stderr.write = (chunk) => seen.written.push(show(chunk)) > 0
  try {
    if (call === 'execSync') {
      const command = [file, ...(Array.isArray(args) ? args : [])].join(' ')
      seen.returned = showResult(child_process.execSync(command, options))
    } else {
      seen.returned = showResult(child_process[call](file, args, options))
    }
  } catch (error) {
    seen.thrown = showResult(error)
  } finally {
    process.stderr.write = write
  }
  return seen
}
