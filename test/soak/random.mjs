// Random numbers that depend on a seed and a stream only, so that any operation
// of a run can be repeated alone.

export class Random {
  #state

  /**
   * @param {number} seed    of the run
   * @param {number} stream  of the operation
   */
  constructor(seed, stream) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) >>> 0
    for (let i = 0; i < 4; i++) this.next()
  }

  /** A whole number from 0 to 2^32 - 1 (mulberry32). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let x = this.#state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return (x ^ (x >>> 14)) >>> 0
  }

  /** A whole number between both limits, which are included. */
  between(low, high) {
    return low + (this.next() % (high - low + 1))
  }

  /** True in `share` of all cases. */
  chance(share) {
    return this.next() < share * 2 ** 32
  }

  /**
   * @template T
   * @param {readonly T[]} list
   * @returns {T}
   */
  pick(list) {
    return list[this.next() % list.length]
  }

  /** A size whose order of magnitude is random, so that small ones are as frequent. */
  size(high) {
    const top = Math.log2(high + 1)
    return Math.floor(2 ** ((this.next() / 2 ** 32) * top)) - 1
  }
}
