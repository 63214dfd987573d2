// Statistics of samples.

const sorted = (values) => [...values].sort((a, b) => a - b)

export function quantile(values, q) {
  const all = sorted(values)
  return all[Math.min(all.length - 1, Math.floor(all.length * q))]
}

export const median = (values) => quantile(values, 0.5)

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/**
 * The mean of the middle half. Counts scatter around it by a few percent, and
 * now and then one includes work that the kernel had deferred. Of a hundred
 * counts this mean repeats to less than 1 %; the plain mean does not.
 */
export function interquartileMean(values) {
  const all = sorted(values)
  const quarter = Math.floor(all.length / 4)
  return mean(all.slice(quarter, all.length - quarter))
}

/** How many subsets of the ranks 1 to `n` have each sum; the index is the sum. */
function rankSums(n) {
  const ways = [1, ...Array.from({ length: (n * (n + 1)) / 2 }, () => 0)]
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = ways.length - 1; sum >= rank; sum--) ways[sum] += ways[sum - rank]
  }
  return ways
}

/**
 * The 95 % confidence interval of the centre of a symmetric distribution, by
 * Hodges and Lehmann, from Wilcoxon's signed-rank test. For fewer than six
 * values it is their range.
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
