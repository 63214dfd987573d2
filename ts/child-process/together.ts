/**
 * Starts that were asked for together. With Node each has been told of, by 'spawn' or
 * 'error', before anything is read from a child of any of them. Programs rely on that:
 * one that connects two children once both have started would lose what it reads
 * of the first before it knows of the second.
 */
import { soon } from '../core/runtime.js'

/** A child whose pipes are not read yet. */
export interface Held {
  /** Begins to read. */
  read(): void
  /** Tells of its exit from now on. */
  release(): void
}

export class Starts {
  /** How many have not been told. */
  pending = 0
  #held: Held[] = []

  /** Lets `child` read once all have been told. Call it before tell(). */
  hold(child: Held): void {
    this.#held.push(child)
  }

  /**
   * One is being told. What is asked for meanwhile, to the end of this turn of the event
   * loop, belongs to these as well: with Node it would start before anything is read.
   */
  tell(): void {
    this.pending--
    if (this.#held.length === 0) {
      if (open === this) open = undefined
      return
    }
    open = this
    soon(this.#turned)
  }

  readonly #turned = (): void => {
    if (open === this) open = undefined
    if (this.pending > 0) return
    const held = this.#held
    this.#held = []
    for (const child of held) child.read()
    // By then the event loop has looked at the pipes.
    soon(() => {
      for (const child of held) child.release()
    })
  }
}

let open: Starts | undefined

/** Adds a start to those that are asked for now. */
export function joinStarts(): Starts {
  open ??= new Starts()
  open.pending++
  return open
}
