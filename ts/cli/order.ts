/** Puts work that comes in any order into the order of its numbers. */

/** Bytes that may wait for an earlier number. */
const ROOM = 64 * 1024 * 1024

export class Order {
  #next = 0
  readonly #waiting = new Map<number, { size: number; work: () => Promise<void> }>()
  #size = 0
  #last: Promise<void> = Promise.resolve()
  #resume: (() => void)[] = []
  /** To be called when it is the turn of that number. */
  readonly #turns = new Map<number, () => void>()

  /**
   * Does the work once that of all smaller numbers has been done. `size` is how many bytes
   * it keeps in memory. Resolves when the work that can be done has been.
   */
  add(number: number, size: number, work: () => Promise<void>): Promise<void> {
    this.#waiting.set(number, { size, work })
    this.#size += size
    while (this.#waiting.has(this.#next)) this.#do(this.#next++)
    this.#turn()
    return this.#last
  }

  /** Calls `begin` once the work of all smaller numbers has been done; its own may come later. */
  turn(number: number, begin: () => void): void {
    this.#turns.set(number, begin)
    this.#turn()
  }

  #turn(): void {
    const begin = this.#turns.get(this.#next)
    this.#turns.delete(this.#next)
    if (begin) this.#last.then(begin)
  }

  #do(number: number): void {
    const { size, work } = this.#waiting.get(number) as { size: number; work(): Promise<void> }
    this.#waiting.delete(number)
    this.#size -= size
    this.#last = this.#last.then(work)
    if (this.#size < ROOM) for (const resume of this.#resume.splice(0)) resume()
  }

  /** Resolves when there is room for more to wait. */
  async room(): Promise<void> {
    if (this.#size >= ROOM) await new Promise<void>((resolve) => this.#resume.push(resolve))
  }

  /** Does what still waits for numbers that won't come. */
  async finish(): Promise<void> {
    for (const number of [...this.#waiting.keys()].sort((a, b) => a - b)) this.#do(number)
    await this.#last
  }
}
