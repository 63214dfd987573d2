import { expect, test } from 'vitest'
import { interquartileMean, median, medianInterval, quantile } from '../../bench/lib/stats.mjs'

test('quantiles are of the values, whatever their order', () => {
  const values = [5, 1, 4, 2, 3]
  expect(median(values)).toBe(3)
  expect(quantile(values, 0.99)).toBe(5)
  expect(values).toEqual([5, 1, 4, 2, 3])
})

test('the interquartile mean does not see what is far out', () => {
  expect(interquartileMean([10, 11, 12, 13, 10, 11, 12, 1_000_000])).toBe(11.5)
})

test("the median's interval leaves out as many as 95 % allow", () => {
  const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1)
  // Of the sign test's tables: with 5 not even the whole range is enough.
  expect(medianInterval(upTo(5))).toEqual({ low: 1, high: 5 })
  expect(medianInterval(upTo(6))).toEqual({ low: 1, high: 6 })
  expect(medianInterval(upTo(8))).toEqual({ low: 1, high: 8 })
  expect(medianInterval(upTo(9))).toEqual({ low: 2, high: 8 })
  expect(medianInterval(upTo(20))).toEqual({ low: 6, high: 15 })
})
