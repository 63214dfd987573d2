// Looks an executable up once and starts it many times.
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
  // `await using grep = await template('grep')` does this by itself, on runtimes that know it.
  grep.close()
}
