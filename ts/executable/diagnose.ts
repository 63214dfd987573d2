/**
 * Finds out why a file could not be executed. The kernel returns ENOENT both for a
 * missing file and for a script whose interpreter is missing; reading the file
 * after the failure shows which it is. Only regular files are opened: a FIFO would
 * block the reader.
 */
import { Buffer } from 'node:buffer'
import {
  closeSync,
  constants as fs,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'

/** As much of a script's first line as the kernel reads. */
const FIRST_BYTES = 256
/** Interpreters that are scripts themselves, at most. */
const MAX_NESTING = 5

const show = (path: string) => JSON.stringify(path)

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

const statOf = (path: string): Stats | undefined => attempt(() => statSync(path))
const exists = (path: string): boolean => attempt(() => lstatSync(path)) !== undefined

/** Up to `length` bytes of the regular file at `path`, from `position` on. */
function read(path: string, position: number, length: number): Buffer | undefined {
  if (!statOf(path)?.isFile()) return undefined
  const fd = attempt(() => openSync(path, fs.O_RDONLY | fs.O_NONBLOCK))
  if (fd === undefined) return undefined
  try {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, readSync(fd, bytes, 0, length, position))
  } catch {
    return undefined
  } finally {
    closeSync(fd)
  }
}

const MACHINES: Readonly<Record<number, string>> = {
  2: 'sparc',
  3: 'ia32',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
}

/** The parts of an ELF header that decide whether and how the file can be run. */
interface Elf {
  kind: 'elf'
  bits: 32 | 64
  /** A value of process.arch, or a number. */
  machine: string
  /** The loader that the kernel starts it by; undefined for a static program. */
  interpreter: string | undefined
}

interface Script {
  kind: 'script'
  interpreter: string
}

type Program = Elf | Script | { kind: 'empty' } | { kind: 'unknown'; first: Buffer }

const PT_INTERP = 3

function readElf(path: string, first: Buffer): Elf | undefined {
  if (first.length < 64) return undefined
  const wide = first[4] === 2
  const little = first[5] === 1
  const u16 = (at: number, from = first) => (little ? from.readUInt16LE(at) : from.readUInt16BE(at))
  const u32 = (at: number, from = first) => (little ? from.readUInt32LE(at) : from.readUInt32BE(at))
  const long = (at: number, from = first) =>
    wide ? Number(little ? from.readBigUInt64LE(at) : from.readBigUInt64BE(at)) : u32(at, from)
  const machine = MACHINES[u16(18)] ?? `machine ${u16(18)}`
  const elf: Elf = { kind: 'elf', bits: wide ? 64 : 32, machine, interpreter: undefined }
  const size = u16(wide ? 54 : 42)
  const count = u16(wide ? 56 : 44)
  if (size < (wide ? 56 : 32) || count > 512) return elf
  const headers = read(path, long(wide ? 32 : 28), size * count)
  if (headers?.length !== size * count) return elf
  for (let at = 0; at < headers.length; at += size) {
    if (u32(at, headers) !== PT_INTERP) continue
    const length = long(at + (wide ? 32 : 16), headers)
    const name = length <= 4096 ? read(path, long(at + (wide ? 8 : 4), headers), length) : undefined
    elf.interpreter = name?.toString().replace(/\0.*$/s, '')
  }
  return elf
}

function readProgram(path: string): Program | undefined {
  const first = read(path, 0, FIRST_BYTES)
  if (first === undefined) return undefined
  if (first.length === 0) return { kind: 'empty' }
  if (first.subarray(0, 2).toString('latin1') === '#!') {
    const line = first.subarray(2).toString().split('\n', 1)[0] ?? ''
    // Only spaces and tabs are blanks: a carriage return is part of the name.
    const interpreter = /^[ \t]*([^ \t\0]*)/.exec(line)?.[1] ?? ''
    return { kind: 'script', interpreter }
  }
  if (first.subarray(0, 4).toString('latin1') === '\x7fELF') {
    return attempt(() => readElf(path, first)) ?? { kind: 'unknown', first }
  }
  return { kind: 'unknown', first }
}

/** Why nothing is at `path`: which part of it is missing. */
function missing(path: string): string | undefined {
  if (exists(path)) {
    const target = attempt(() => readlinkSync(path))
    return target === undefined
      ? undefined
      : `${show(path)} is a symbolic link to ${show(target)}, which does not exist`
  }
  const dir = dirname(path)
  if (statOf(dir) !== undefined) return `there is no file ${show(path)}`
  for (let at = dir; ; at = dirname(at)) {
    const parent = dirname(at)
    if (parent === at || statOf(parent) !== undefined) {
      return `there is no directory ${show(at)}`
    }
  }
}

/** Why the interpreter of the file at `path` is missing; undefined if it is not. */
function missingInterpreter(path: string, base: string, nesting = 0): string | undefined {
  const program = readProgram(path)
  if (program?.kind !== 'script' && program?.kind !== 'elf') return undefined
  const { interpreter } = program
  if (interpreter === undefined || interpreter === '') return undefined
  const at = resolve(base, interpreter)
  if (statOf(at) !== undefined) {
    return nesting < MAX_NESTING ? missingInterpreter(at, base, nesting + 1) : undefined
  }
  if (program.kind === 'elf') {
    return `${show(path)} needs the loader ${show(interpreter)}, which does not exist: it was built for another system`
  }
  return interpreter.endsWith('\r')
    ? `the #! line of ${show(path)} ends with a carriage return, which makes the interpreter ${show(interpreter)}: save the file with LF line ends`
    : `the #! line of ${show(path)} names the interpreter ${show(interpreter)}, which does not exist`
}

/** Whether the kernel would return ENOENT for the file at `path`, although it exists. */
export const lacksInterpreter = (path: string): boolean =>
  missingInterpreter(path, process.cwd()) !== undefined

function notFound(paths: readonly string[], base: string): string | undefined {
  for (const path of paths) {
    const why = missingInterpreter(resolve(base, path), base)
    if (why !== undefined) return why
  }
  return paths.length === 1 ? missing(resolve(base, paths[0] as string)) : undefined
}

function noFormat(path: string): string | undefined {
  const program = readProgram(path)
  switch (program?.kind) {
    case 'empty':
      return 'the file is empty'
    case 'script':
      return program.interpreter === ''
        ? 'its #! line names no interpreter'
        : 'its #! line is longer than the kernel reads, or its interpreter is no program'
    case 'elf':
      return program.machine === process.arch
        ? `it is a damaged program, or a library or object file (ELF, ${program.bits} bits)`
        : `it is a program for ${program.machine}, and this is ${process.arch}`
    case 'unknown': {
      const { first } = program
      if (/^\xef\xbb\xbf *#!/.test(first.toString('latin1'))) {
        return 'a byte order mark precedes its #! line: save the file without one'
      }
      if (first.subarray(0, 2).toString('latin1') === 'MZ') return 'it is a program for Windows'
      return first.includes(0)
        ? undefined
        : 'it is not a program of this machine, nor a script that begins with #!: add such a line ("#!/bin/sh" for a shell), or name its interpreter as the program'
    }
  }
  return undefined
}

function forbidden(path: string): string | undefined {
  const stats = statOf(path)
  if (stats?.isDirectory()) return 'it is a directory'
  if (stats === undefined) return undefined
  if (!stats.isFile()) return 'it is not a regular file'
  if ((stats.mode & 0o111) === 0) return 'the file is not executable: chmod +x makes it so'
  const program = readProgram(path)
  if (program?.kind !== 'script') return undefined
  const mode = statOf(program.interpreter)?.mode ?? 0o111
  return (mode & 0o111) === 0
    ? `its interpreter ${show(program.interpreter)} is not executable`
    : undefined
}

/**
 * What the files themselves show about a failed exec, as a hint for a message;
 * undefined if they show nothing.
 * @param code 'ENOENT', 'ENOEXEC', …
 * @param paths where the program was searched for
 * @param base where relative paths begin: the child's working directory
 */
export function whyNotExecuted(
  code: string,
  paths: readonly string[],
  base: string,
): string | undefined {
  const [first] = paths
  if (first === undefined) return undefined
  const path = resolve(base, first)
  switch (code) {
    case 'ENOENT':
      return notFound(paths, base)
    case 'ENOEXEC':
      return noFormat(path)
    case 'EACCES':
      return forbidden(path)
    case 'ELOOP':
      return statOf(path) === undefined
        ? undefined
        : 'its interpreters are scripts, nested too deep'
  }
  return undefined
}
