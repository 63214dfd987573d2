// The calls whose processes are awaited, one at a time, as inside.mjs makes them.

/**
 * By name: what people read, and `call(library, file, options)`, which resolves once the
 * process has ended.
 */
export const CALLS = {
  run: {
    title: 'run(), its output collected',
    call: ({ run }, file, options) => run(file, [], options),
  },
  ignored: {
    title: 'run(), its output ignored',
    call: ({ run }, file, options) => run(file, [], { ...options, stdio: 'ignore' }),
  },
  exited: {
    title: 'spawn(), its output ignored, and then its exit',
    call: async ({ spawn }, file, options) => {
      const { exited } = await spawn(file, [], { ...options, stdio: 'ignore' })
      return exited
    },
  },
}
