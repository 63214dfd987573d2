// Run by npm in the clone it makes to install this package from a git URL:
// builds what the package contains. It installs no Debian packages, because a
// dependency must not; scripts/addon.mjs says which ones are missing. In any
// other clone `prepare` has nothing to do: the scripts of package.json build
// what they need, and `npm pack` has `prepack`.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// npm sets this while it prepares a git dependency.
if (!process.env._PACOTE_NO_PREPARE_) process.exit(0)

const root = fileURLToPath(new URL('..', import.meta.url))

for (const args of [['scripts/addon.mjs'], ['scripts/library.mjs'], ['scripts/prebuild.mjs']]) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
