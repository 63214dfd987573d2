// Compiles the library: by TypeScript to dist/, for `import`; from that by esbuild
// to cjs/, for `require()`. Run by `npm run build`, and in the clone that npm makes
// for a git URL.
//
// What the library uses of npm becomes a part of the file that imports it: users
// install no dependencies. cjs/ lies beside dist/, so that a path from one of its
// files leads to the same place as from the same file in dist/.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const cjs = join(root, 'cjs')

/** Every other file of the library stays a file of its own. */
const onlyPackages = {
  name: 'only-packages',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, importer }) =>
      importer.includes('/node_modules/') ? undefined : { path, external: true },
    )
  },
}

/** cli-table3 colours a table's head where it finds this; ours has no colours. */
const noColours = {
  name: 'no-colours',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@colors\/colors/ }, ({ path }) => ({ path, namespace: 'none' }))
    onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: '' }))
  },
}

const common = {
  ...{ bundle: true, platform: 'node', target: 'node20.17', charset: 'utf8', logLevel: 'warning' },
  ...{ outbase: dist, plugins: [onlyPackages, noColours], legalComments: 'none' },
}

/** The files of npm packages that are now in the library, for notices of their licences. */
const inputs = new Set()
const collect = ({ metafile }) => {
  for (const file of Object.keys(metafile.inputs)) if (/node_modules/.test(file)) inputs.add(file)
}

async function toCommonJS(files) {
  rmSync(cjs, { recursive: true, force: true })
  const entries = files.filter((name) => name.endsWith('.js'))
  await build({
    ...common,
    ...{ entryPoints: entries.map((name) => join(dist, name)), outdir: cjs, format: 'cjs' },
    // createRequire() takes a path as well.
    define: { 'import.meta.url': '__filename' },
  })
  for (const name of files.filter((name) => name.endsWith('.d.ts'))) {
    mkdirSync(dirname(join(cjs, name)), { recursive: true })
    copyFileSync(join(dist, name), join(cjs, name))
  }
  writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n')
}

const importsPackage = /^import .* from '(?!\.|node:)/m

/**
 * What is CommonJS in the command line's packages calls require() for Node's own modules.
 * Only there: in a bundle of CommonJS there is no import.meta.url.
 */
const banner = `import { createRequire as requireFor } from 'node:module'
const require = requireFor(import.meta.url)`

async function inlinePackages(files) {
  const entries = files.filter(
    (name) => name.endsWith('.js') && importsPackage.test(readFileSync(join(dist, name), 'utf8')),
  )
  for (const name of entries) {
    collect(
      await build({
        ...common,
        ...{ entryPoints: [join(dist, name)], outdir: dist },
        ...{ format: 'esm', allowOverwrite: true, sourcemap: true, metafile: true },
        ...(name.startsWith('cli/') && { banner: { js: banner } }),
      }),
    )
  }
}

/** Compiles all of it. Throws if the compiler finds an error, which it then has printed. */
export async function compile() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', root], { stdio: 'inherit' })
  if (status !== 0) throw new Error('tsc failed')
  const files = readdirSync(join(root, 'ts'), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => ['.js', '.d.ts'].map((end) => name.replace(/\.ts$/, end)))
  await toCommonJS(files.filter((name) => !name.startsWith('cli/')))
  await inlinePackages(files)
  const packages = [...inputs].map((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)[1])
  const list = [...new Set(packages)].sort()
  writeFileSync(join(dist, 'packages.json'), `${JSON.stringify(list)}\n`)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await compile().catch(({ message }) => {
    console.error(`library: ${message}`)
    process.exit(1)
  })
}
