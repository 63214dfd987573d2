// What samples are condensed to.

const sorted = (values) => [...values].sort((a, b) => a - b)

export function quantile(values, q) {
  const all = sorted(values)
  return all[Math.min(all.length - 1, Math.floor(all.length * q))]
}

export const median = (values) => quantile(values, 0.5)

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/**
 * The mean of the middle half. Counts scatter by some percent around it, and
 * now and then one has in it what the kernel had put off; of a hundred counts
 * this repeats to less than 1 %, their mean does not.
 */
export function interquartileMean(values) {
  const all = sorted(values)
  const quarter = Math.floor(all.length / 4)
  return mean(all.slice(quarter, all.length - quarter))
}

/**
 * Where the median lies with 95 % certainty whatever the distribution (the
 * sign test's interval), or the whole range where there are too few values.
 */
export function medianInterval(values) {
  const all = sorted(values)
  const n = all.length
  // P(X <= k) of a binomial distribution with p = 1/2, both tails.
  let probability = 0.5 ** n
  let tail = probability
  let k = 0
  while (k + 1 < n / 2) {
    probability = (probability * (n - k)) / (k + 1)
    if (2 * (tail + probability) > 0.05) break
    tail += probability
    k++
  }
  return { low: all[k], high: all[n - 1 - k] }
}
