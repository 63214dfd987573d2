// Parsers of option values, for commander.
import { InvalidArgumentError } from 'commander'

export const wholeNumber =
  (least = 1, most = Infinity) =>
  (text) => {
    if (!/^\d+$/.test(text) || Number(text) < least || Number(text) > most) {
      const range = most < Infinity ? `from ${least} to ${most}` : `${least} or more`
      throw new InvalidArgumentError(`Give a whole number, ${range}.`)
    }
    return Number(text)
  }

/** Fewer rounds cannot show how much they differ. */
export const rounds = wholeNumber(3)

/** A comma-separated list of some of `names`. */
export const someOf = (names) => (text) => {
  const chosen = text.split(',')
  const unknown = chosen.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new InvalidArgumentError(`There are ${names.join(', ')}.`)
  return chosen
}
