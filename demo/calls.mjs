// What an agent calls when it works on a workspace, tool by tool.
const call = (tool, args, options = {}) => ({ tool, args, exitCode: 0, ...options })

export const calls = [
  call('rg', ['--sort', 'path', '-n', 'TODO', 'src']),
  call('rg', ['--sort', 'path', '--files', 'src']),
  call('rg', ['--sort', 'path', '-c', '^def ', 'src/router']),
  call('rg', ['nothing that is there', 'src'], { exitCode: 1 }),
  call('grep', ['-rn', 'class', 'src/parser']),
  call('grep', ['-c', 'billing', 'data/log.csv']),
  call('sed', ['-n', '1,20p', 'src/session/session4.py']),
  call('sed', ['s/limit/bound/g', 'src/queue/queue9.py']),
  call('awk', ['-F,', '{ sum[$2] += $3 } END { print sum["cache"] }', 'data/log.csv']),
  call('cat', ['README.md', 'package.json']),
  call('cat', [], { input: 'through a pipe\n' }),
  call('head', ['-n', '5', 'data/log.csv']),
  call('tail', ['-n', '5', 'data/log.csv']),
  call('find', ['src', '-name', '*1.ts', '-size', '+1k']),
  call('find', ['.', '-maxdepth', '2', '-type', 'd', '-not', '-path', './.git*']),
  call('stat', ['-c', '%s %n', 'src/report/report2.py', 'data/values.json']),
  call('ls', ['-1', 'src/search']),
  call('ls', ['nowhere'], { exitCode: 2 }),
  call('git', ['status', '--short']),
  call('git', ['diff', '--stat']),
  call('python3', ['-S', 'tools/sum.py', 'data/values.json']),
  call('node', ['tools/count.mjs', 'data/log.csv']),
  call('sh', ['-c', 'cut -d, -f2 data/log.csv | sort | uniq -c']),
  call('bash', ['-c', 'for f in src/*/; do echo "$f"; done; [[ -d data ]]']),
]

/** The short ones more often, as agents do. */
export function session(rounds) {
  const slow = new Set(['node', 'python3'])
  return Array.from({ length: rounds }, (_, round) =>
    calls.filter(({ tool }) => !slow.has(tool) || round % 5 === 0),
  ).flat()
}
