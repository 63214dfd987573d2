// One executable, many calls: it is looked up and opened once.
//
//   node examples/template.mjs
import { template } from 'uring-spawn'

const grep = await template('grep')
console.log(`grep is ${grep.path}`)
try {
  const words = ['root', 'daemon', 'no-such-user']
  const found = await Promise.all(
    words.map(async (word) => {
      const { exitCode } = await grep.run(['-q', `^${word}:`, '/etc/passwd'])
      return `${word}: ${exitCode === 0 ? 'yes' : 'no'}`
    }),
  )
  console.log(found.join('\n'))
} finally {
  // With `await using` this goes without saying, where the language has it.
  grep.close()
}
