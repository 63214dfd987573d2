import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    // Tests count the descriptors and children of their process.
    pool: 'forks',
    maxWorkers: 1,
  },
})
