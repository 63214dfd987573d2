import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These boot machines, and have their own configuration.
    exclude: [...configDefaults.exclude, 'test/lab/**'],
    // test-d.ts: tests of types. All tests are type-checked along with them.
    typecheck: {
      enabled: true,
      include: ['test/types/**/*.test-d.ts'],
      tsconfig: 'tsconfig.test.json',
    },
    // Only a test that hangs takes this long, however busy the machine is.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Tests count the descriptors and children of their process.
    pool: 'forks',
    maxWorkers: 1,
  },
})
