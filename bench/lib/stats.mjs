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

/** Of the sums that some of the ranks 1 to `n` can have: how many choices give each. */
function rankSums(n) {
  const ways = [1, ...Array.from({ length: (n * (n + 1)) / 2 }, () => 0)]
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = ways.length - 1; sum >= rank; sum--) ways[sum] += ways[sum - rank]
  }
  return ways
}

/**
 * Where the middle of what is measured lies with 95 % certainty, if it scatters
 * to both sides alike: the interval of Hodges and Lehmann, which belongs to
 * Wilcoxon's signed-rank test. Of fewer than six values it is their range.
 */
export function middleInterval(values) {
  const n = values.length
  const means = sorted(values.flatMap((a, at) => values.slice(at).map((b) => (a + b) / 2)))
  const ways = rankSums(n)
  let tail = ways[0]
  let k = 0
  while ((2 * (tail + ways[k + 1])) / 2 ** n <= 0.05) {
    tail += ways[k + 1]
    k++
  }
  return { low: means[k], high: means.at(-1 - k) }
}
