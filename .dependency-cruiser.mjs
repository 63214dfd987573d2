// The layers of ts/, lowest first: each imports only from those before it.
// CONTRIBUTING.md says what each is for.
const layers = [
  'model/',
  'binding/',
  'core/',
  'backend/',
  'executable/',
  'options/',
  'chain/',
  'process/',
  // spawn(), run(), template() and what belongs to them.
  '[^/]+[.]ts$',
  'batch/',
  'cluster/',
  'child-process/',
  'cli/',
]
// The public entry points, which collect what is above them, too.
const entries = '^ts/index[.]ts$'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'cycle',
      comment: 'Files that need each other are one file, or lack a third.',
      severity: 'error',
      from: { path: '^ts/' },
      to: { circular: true },
    },
    ...layers.slice(0, -1).map((layer, index) => ({
      name: `above ${layer}`,
      comment: 'A layer imports only from those below it.',
      severity: 'error',
      from: { path: `^ts/${layer}`, pathNot: entries },
      to: { path: layers.slice(index + 1).map((above) => `^ts/${above}`) },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
}
