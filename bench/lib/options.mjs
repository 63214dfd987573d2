// Parsers of options, for commander.
import { InvalidArgumentError } from 'commander'

export function wholeNumber(text) {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('Give a whole number above 0.')
  return Number(text)
}

/** Some of the names there are, separated by commas. */
export const someOf = (names) => (text) => {
  const chosen = text.split(',')
  const unknown = chosen.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new InvalidArgumentError(`There are ${names.join(', ')}.`)
  return chosen
}
