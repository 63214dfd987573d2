// A repository from its first commit to a clone and a merge.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleGit } from 'simple-git'
import { dir } from './repository.mjs'
import { rejection, say } from './result.mjs'

const git = simpleGit(dir)
await git.init(['--initial-branch', 'main'])
// It does not pass on the variables for these.
await git.addConfig('user.name', 'A').addConfig('user.email', 'a@b')
for (let n = 0; n < 3; n++) {
  writeFileSync(join(dir, `file${n}`), `${n}\n`.repeat(1000))
  await git.add('.')
  say('commit', (await git.commit(`number ${n}`)).summary)
}
await git.checkoutLocalBranch('side')
writeFileSync(join(dir, 'side'), 'side\n')
await git.add('side').commit('on the side')
await git.checkout('main')
say('merge', (await git.merge(['side'])).summary)
const { all, latest } = await git.log()
say(
  'log',
  all.map(({ message }) => message),
)
say('branches', (await git.branch()).all)
writeFileSync(join(dir, 'file0'), 'changed\n')
say('status', (await git.status()).files)
say('diff', (await git.diffSummary()).files)
say('large', (await git.show(['HEAD:file1'])).length)
say('error', /no-such/.test(String(await rejection(git.checkout('no-such')))))
const hashes = Array.from({ length: 10 }, (_, n) => git.revparse([`HEAD~${n % 3}`]))
say('many', new Set(await Promise.all(hashes)).size)
await git.clone(dir, join(dir, 'clone'))
say('clone', (await simpleGit(join(dir, 'clone')).log()).latest.hash === latest.hash)
