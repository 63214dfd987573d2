/** Random calls of node:child_process, each a function of a seed. */
import { constants } from 'node:os'

/** A small generator of 32-bit numbers; the same seed gives the same calls. */
export function random(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  const below = (n) => next() % n
  const pick = (list) => list[below(list.length)]
  return { below, pick, chance: (percent) => below(100) < percent }
}

/**
 * Programs whose output and end depend on nothing but their start. None is a pipeline,
 * whose programs, if there are none, are missed in any order.
 */
const programs = ({ pick, below }, { script }) =>
  pick([
    () => ['true'],
    () => ['/bin/false', ['a']],
    () => ['sh', ['-c', `exit ${below(256)}`]],
    () => ['sh', ['-c', 'echo out; echo err >&2; exit 3']],
    () => ['sh', ['-c', `head -c ${pick([10, 70_000, 300_000])} /dev/zero`]],
    () => ['sh', ['-c', 'cat; echo end'], { feeds: true }],
    () => ['cat', [], { feeds: true }],
    () => ['sh', ['-c', `kill -${pick(['KILL', 'TERM', 'HUP', 'USR1', 'ABRT', '40'])} $$`]],
    () => ['sleep', ['60'], { stays: true }],
    () => ['printenv', ['A']],
    () => ['env', []],
    () => ['pwd'],
    () => ['sh', ['-c', 'umask; echo "$0" "$@"', 'zero', 'x y', '']],
    () => ['sh', ['-c', 'grep -E "^(SigBlk|SigCgt|Groups|Uid|NoNew)" /proc/self/status']],
    () => [
      'sh',
      ['-c', 'test -t 0; echo $?; test -S /dev/fd/0; echo $?; test -S /dev/fd/1; echo $?'],
    ],
    () => [
      'sh',
      [
        '-c',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
        'name=$(readlink /dev/fd/3); echo "${name%%[0-9]*}"; test "$(ps -o sid= $$)" -eq $$; echo $?',
      ],
    ],
    () => ['no-such-program', ['x']],
    () => ['/no/such/program'],
    () => ['/etc/passwd'],
    () => ['/'],
    () => [script, ['one', 'two words']],
    () => ['./script', ['one']],
    () => [''],
    () => [5],
    () => ['a\0b'],
  ])()

const stdios = ({ pick, below }, { fd, stream, closed }) => {
  const entry = () =>
    pick(['pipe', 'ignore', null, undefined, 'overlapped', fd, stream, 'pipe', 'pipe'])
  return pick([
    () => undefined,
    () => 'pipe',
    () => 'ignore',
    () => ['pipe', 'pipe', 'pipe'],
    () => Array.from({ length: below(6) }, entry),
    () => ['ignore', fd, fd],
    () => ['pipe', 1, 0].map((value) => (typeof value === 'number' ? fd : value)),
    () => [entry(), entry(), entry(), pick(['ignore', 'pipe', 'ipc'])],
    () => 'bad',
    () => ['pipe', {}],
    () => ['ipc', 'ipc'],
    () => [closed],
    () => ['pipe', -1],
    () => ['pipe', 'pipe', 'pipe', closed],
  ])()
}

const badOptions = [
  { cwd: 5 },
  { cwd: 'a\0b' },
  { env: 5 },
  { env: { A: 'a\0b' } },
  { detached: 'x' },
  { shell: 5 },
  { argv0: 5 },
  { timeout: -1 },
  { timeout: 'x' },
  { killSignal: 'NOPE' },
  { killSignal: 500 },
  { uid: 'x' },
  { gid: 1.5 },
  { signal: {} },
  { serialization: 'x' },
  { windowsHide: 5 },
]

const environments = [
  { A: 'b', PATH: '/usr/bin:/bin' },
  { PATH: '/nowhere::/bin', A: '' },
  { A: 'none' },
  { PATH: '', A: undefined },
  Object.create({ A: 'inherited', PATH: '/bin' }),
  Object.assign(Object.create(null), { PATH: '/bin', A: 'é€😀' }),
  {},
]

const directories = ({ dir }) => [
  '/',
  dir,
  new URL(`file://${dir}`),
  '/no/such',
  '/etc/passwd',
  '',
  `${dir}/link`,
]

/** Options that any of the calls takes, and what to do with the child. */
export function makeCase(seed, world) {
  const source = random(seed)
  const { pick, chance } = source
  let [file, args, given = {}] = programs(source, world)
  const options = {}
  const call = pick(['spawn', 'spawn', 'spawn', 'execFile', 'exec', 'fork', 'execFile.promise'])
  const traits = call === 'fork' ? {} : given
  // A shell's child would hold its output open.
  if (traits.stays && call === 'exec') file = `exec ${file}`
  if (chance(70)) options.stdio = stdios(source, world)
  if (chance(25)) options.cwd = pick(directories(world))
  if (chance(25)) options.env = pick(environments)
  if (chance(15)) options.argv0 = pick(['other', '', 'x y'])
  if (chance(15) && !traits.stays) options.shell = pick([true, false, '/bin/bash', '/no/shell'])
  if (chance(20)) options.detached = pick([true, false])
  // Only of a program that stays is it known what it is doing when it is ended.
  if (chance(10)) options.timeout = traits.stays ? pick([0, 1, 30]) : pick([0, 30_000])
  if (chance(15)) options.killSignal = pick(['SIGKILL', 'SIGTERM', constants.signals.SIGINT])
  if (chance(10)) options.windowsHide = true
  if (chance(5)) options.uid = process.getuid()
  if (chance(10)) options.serialization = pick(['json', 'advanced'])
  if (chance(10)) options.maxBuffer = 100_000
  if (chance(10)) options.encoding = pick(['utf8', 'buffer', 'hex'])
  if (chance(8)) Object.assign(options, pick(badOptions))
  const bad = chance(3)
  // Without its arguments no program stays.
  const stays = traits.stays && !bad
  const abort = stays && chance(50) ? pick(['now', 'soon']) : undefined
  let kill = stays && chance(50) ? pick(['now', 'spawned', 'now-twice']) : undefined
  // Two ends at once would race.
  if (abort === 'soon') kill = undefined
  if (abort || kill) {
    delete options.timeout
    // Node's kill() just after a start that fails signals the caller's process group.
    for (const name of ['env', 'cwd']) delete options[name]
  }
  const signal = pick(['SIGTERM', 'SIGKILL', 'SIGINT', undefined, 0, 'SIGBAD', 9])
  return {
    call,
    file: call === 'fork' ? world.child : file,
    args: bad ? pick(['text', 5, null, [5], ['a\0']]) : args,
    options: chance(90) ? options : bad ? pick([null, 5, 'text']) : undefined,
    feeds: traits.feeds,
    stays,
    abort,
    kill,
    signal,
    reads: pick(['data', 'data', 'late', 'none', 'async']),
    pid: chance(20),
    unref: chance(10),
  }
}

const inputs = [
  'some input',
  '',
  Buffer.from('bytes'),
  new Uint16Array([1, 2, 300]),
  new DataView(new ArrayBuffer(5), 1, 3),
  'x'.repeat(50_000),
  'é€😀',
]

const syncStdios = ({ pick, below }, { fd, stream, closed }) => {
  const entry = () => pick(['pipe', 'ignore', null, undefined, fd, stream, 'pipe', 'pipe', -1])
  return pick([
    () => undefined,
    () => 'pipe',
    () => 'ignore',
    () => ['pipe', 'pipe', 'pipe'],
    () => Array.from({ length: below(6) }, entry),
    () => ['ignore', fd, fd],
    () => [entry(), entry(), entry(), pick(['ignore', 'pipe', fd, 'ipc'])],
    () => 'bad',
    () => ['pipe', {}],
    () => [closed],
    () => ['pipe', 'pipe', 'pipe', closed],
    () => ['pipe', 'pipe', Buffer.from('bytes')],
  ])()
}

const badSyncOptions = [
  ...badOptions.filter((options) => !('signal' in options || 'serialization' in options)),
  { maxBuffer: -1 },
  { maxBuffer: 'x' },
  { encoding: 'x' },
  { input: 5 },
  { input: {} },
  { killSignal: 0 },
]

/** The same for the calls that return once the child has ended. */
export function makeSyncCase(seed, world) {
  const source = random(seed)
  const { pick, chance } = source
  const [program, args, traits = {}] = programs(source, world)
  const call = pick(['spawnSync', 'spawnSync', 'execFileSync', 'execSync'])
  // A shell that is ended would leave its child.
  const file = traits.stays && call === 'execSync' ? `exec ${program}` : program
  const options = {}
  if (chance(60)) options.stdio = syncStdios(source, world)
  // With Node, input for a program that does not read it fails or not, as it happens.
  if (traits.feeds && chance(80)) options.input = pick(inputs)
  if (chance(25)) options.cwd = pick(directories(world))
  if (chance(25)) options.env = pick(environments)
  if (chance(15)) options.argv0 = pick(['other', '', 'x y'])
  if (chance(15) && !traits.stays) options.shell = pick([true, false, '/bin/bash', '/no/shell'])
  if (chance(15)) options.detached = pick([true, false])
  if (chance(15)) options.killSignal = pick(['SIGKILL', 'SIGTERM', constants.signals.SIGINT])
  if (chance(10)) options.windowsHide = true
  if (chance(5)) options.uid = process.getuid()
  if (chance(20)) options.maxBuffer = pick([0, 100_000, 1e6, Number.POSITIVE_INFINITY])
  if (chance(20)) options.encoding = pick(['utf8', 'buffer', 'hex', 'latin1'])
  if (chance(10)) options.timeout = pick([0, 30_000])
  if (chance(8)) Object.assign(options, pick(badSyncOptions))
  if (traits.stays) options.timeout = 30
  const bad = chance(3) && !traits.stays
  return {
    call,
    file,
    args: bad ? pick(['text', 5, null, [5], ['a\0']]) : args,
    options: traits.stays || chance(90) ? options : bad ? pick([null, 5, 'text']) : undefined,
  }
}
