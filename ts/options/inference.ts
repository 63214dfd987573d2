/** Types that depend on the options of a call. */
import type { Duplex, Readable, Writable } from 'node:stream'
import type { StdioPipe, StdioPty } from './options.js'

/**
 * `O`, with an error for every option that `Base` does not know. The others have their type
 * in `Base` as well, from which the compiler takes those of a callback's parameters.
 */
export type Strict<O, Base> = O & {
  readonly [K in keyof O]: K extends keyof Base ? Base[K] : never
}

/** The type of an option in `O`; undefined if `O` lacks it. */
type OptionOf<O, Name extends PropertyKey> = Name extends keyof O ? O[Name] : undefined

/** The type of output: Buffer with encoding 'buffer', otherwise string. */
export type Output<O> = OutputBy<OptionOf<O, 'encoding'>>

type OutputBy<E> = E extends 'buffer' ? Buffer : string

/** The entry of `stdio` for descriptor `I`. */
type Entry<S, I extends '0' | '1' | '2'> = S extends readonly unknown[]
  ? number extends S['length']
    ? S[number] | undefined
    : I extends keyof S
      ? S[I]
      : undefined
  : S

/** A stream if the entry makes a pipe. A stream as an entry has a method of the name pipe. */
type PipeOf<E, T> = E extends 'pipe' | 'pty' | StdioPty | null | undefined
  ? T
  : E extends { pipe: infer Direction extends StdioPipe['pipe'] }
    ? DirectedPipe<Direction, T>
    : null

/** Of an entry that is not known at compile time, the usual one. */
type DirectedPipe<Direction, T> = StdioPipe['pipe'] extends Direction
  ? T
  : Direction extends 'in'
    ? Writable
    : Direction extends 'out'
      ? Readable
      : Duplex

/** The type of `child.stdin` for the option `stdio: S`. */
export type StdinOf<S> = PipeOf<Entry<S, '0'>, Writable>
/** The type of `child.stdout` for the option `stdio: S`. */
export type StdoutOf<S> = PipeOf<Entry<S, '1'>, Readable>
/** The type of `child.stderr` for the option `stdio: S`. */
export type StderrOf<S> = S extends 'pty' | StdioPty ? null : PipeOf<Entry<S, '2'>, Readable>

/** The type of `stdio` in options `O`, or its default. */
export type StdioOf<O> = StdioBy<OptionOf<O, 'stdio'>>

type StdioBy<S> = S extends undefined ? 'pipe' : S
