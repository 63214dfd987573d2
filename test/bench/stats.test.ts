import { describe, expect, test } from 'vitest'
import { interquartileMean, median, middleInterval, quantile } from '../../bench/lib/stats.mjs'

test('quantiles do not depend on the order of the values', () => {
  const values = [5, 1, 4, 2, 3]
  expect(median(values)).toBe(3)
  expect(quantile(values, 0.99)).toBe(5)
  expect(values).toEqual([5, 1, 4, 2, 3])
})

test('the interquartile mean ignores outliers', () => {
  expect(interquartileMean([10, 11, 12, 13, 10, 11, 12, 1_000_000])).toBe(11.5)
})

describe("the middle's interval", () => {
  const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1)

  test('is the range where even the range has less than 95 %', () => {
    expect(middleInterval([7])).toEqual({ low: 7, high: 7 })
    expect(middleInterval(upTo(5))).toEqual({ low: 1, high: 5 })
  })

  test('drops as many pairwise means as the tables of the signed-rank test allow', () => {
    // Of 6 values none, of 8 three at each end, of 10 eight.
    expect(middleInterval(upTo(6))).toEqual({ low: 1, high: 6 })
    expect(middleInterval(upTo(8))).toEqual({ low: 2, high: 7 })
    expect(middleInterval(upTo(10))).toEqual({ low: 3, high: 8 })
  })

  test('does not follow a single outlier', () => {
    const { low } = middleInterval([9, 8, 9, 7, 8, 9, 8, -3])
    expect(low).toBeGreaterThan(0)
    expect(middleInterval([1000, 8, 9, 7, 8, 9, 8, 9]).low).toBe(7.5)
  })
})
