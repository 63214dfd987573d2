import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those boot machines; they have a configuration of their own.
    exclude: [...configDefaults.exclude, 'test/lab/**'],
    // test-d.ts: what types say. All tests are checked with them.
    typecheck: {
      enabled: true,
      include: ['test/types/**/*.test-d.ts'],
      tsconfig: 'tsconfig.test.json',
    },
    // For what hangs: nothing else takes so long, however busy the machine is.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Tests count the descriptors and children of their process.
    pool: 'forks',
    maxWorkers: 1,
  },
})
