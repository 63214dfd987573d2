// What the farm computes.
export function sum(from, count) {
  let total = 0
  for (let n = from; n < from + count; n++) total += n
  return total
}
export const echo = (value) => value
export function fail(message) {
  throw new TypeError(message)
}
export function crash() {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => {})
}
