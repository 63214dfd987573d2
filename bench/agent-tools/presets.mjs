// The sixteen calls of the workload, over the files of workspace.mjs.
// `right` must match the output; it follows from the workspace's files.
const preset = (name, tool, args, right) => ({ name, tool, args, right })

export const presets = [
  preset(
    'rg',
    'rg',
    ['--sort', 'path', '-n', 'TODO', 'src/parser'],
    /^src\/parser\/parser0\.py:11:/,
  ),
  preset('grep', 'grep', ['-c', 'billing', 'data/log.csv'], /^375\n$/),
  preset('sed', 'sed', ['-n', '1,8p', 'src/session/session4.py'], /^"""The session, part 4\."""\n/),
  preset(
    'awk',
    'awk',
    ['-F,', '{ sum[$2] += $3 } END { print sum["cache"] }', 'data/log.csv'],
    /^20770875\n$/,
  ),
  preset(
    'cat',
    'cat',
    ['README.md', 'package.json'],
    /^# A workspace\n[\s\S]*"version": "1\.2\.3"/,
  ),
  preset(
    'head',
    'head',
    ['-n', '3', 'data/log.csv'],
    /^2024-01-01,parser,0\n2024-01-02,cache,37\n/,
  ),
  preset('tail', 'tail', ['-n', '3', 'data/log.csv'], /,billing,110963\n$/),
  preset('find', 'find', ['src/router', '-name', 'router1*.py'], /src\/router\/router19\.py/),
  preset(
    'stat',
    'stat',
    ['-c', '%F %n', 'data/values.json'],
    /^regular file data\/values\.json\n$/,
  ),
  preset('ls', 'ls', ['-1', 'src'], /^billing\ncache\n[\s\S]*session\n$/),
  preset(
    'git status',
    'git',
    ['status', '--short'],
    /^ M src\/cache\/cache7\.py\n[\s\S]*\?\? notes\.txt\n$/,
  ),
  preset('git diff', 'git', ['diff', '--stat'], /2 files changed/),
  preset('python small', 'python3', ['tools/sum.py', 'data/values.json'], /^124750\n$/),
  preset('node small', 'node', ['tools/count.mjs', 'data/log.csv'], /^3001\n$/),
  preset(
    'sh -c',
    'sh',
    ['-c', 'cut -d, -f2 data/log.csv | sort -u'],
    /^billing\ncache\n[\s\S]*session\n$/,
  ),
  preset(
    'bash -c',
    'bash',
    ['-c', 'for f in src/*/; do echo "$f"; done; [[ -d data ]]'],
    /^src\/billing\/\n/,
  ),
]

/**
 * The calls of each worker, in order: the same number of each preset, dealt out
 * evenly, and identically in every run.
 * @returns {number[][]} for each worker, indices of presets
 */
export function deal(calls, workers) {
  if (calls <= 0 || calls % presets.length !== 0) {
    throw new Error(`${calls} calls are not as many of each of ${presets.length} presets`)
  }
  const hands = Array.from({ length: workers }, () => [])
  for (let turn = 0; turn < calls / presets.length; turn++) {
    for (const at of presets.keys()) hands[(at + turn) % workers].push(at)
  }
  for (const [worker, hand] of hands.entries()) shuffle(hand, worker + 1)
  return hands
}

/** Shuffles by a linear congruential generator: it only has to be repeatable. */
function shuffle(list, seed) {
  let state = seed
  for (let at = list.length - 1; at > 0; at--) {
    state = (state * 1103515245 + 12345) % 2147483648
    const other = state % (at + 1)
    const moved = list[at]
    list[at] = list[other]
    list[other] = moved
  }
}
