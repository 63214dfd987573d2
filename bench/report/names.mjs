import { INTERFACES } from '../lib/preload.mjs'

/** The methods that are posix_spawn() of libposix_spawn_fast.so, and the interface of each. */
export const PRELOADED = Object.fromEntries(INTERFACES.map((by) => [`posix_spawn_${by}`, by]))

/** The launch methods of bench/designs that are counted, in order, as people read them. */
export const METHOD_NAMES = {
  fork: 'fork, exec',
  vfork: 'vfork, exec',
  posix_spawn: 'posix_spawn',
  clone3: 'clone3 with a pidfd, exec',
  chain: 'chain',
  chain_fds: 'chain with a list of descriptors',
  chain_pidfd: 'the same with a pidfd',
  chain_batch: '16 chains in one call',
  chain_template: 'the list, from a template',
  chain_headers: 'the list, from a template of headers only',
  spawn_template: 'spawn_template_spawn, with a pidfd',
  spawn_learned: 'the same from a template that learns',
  embryo: 'a process made empty, configured and run',
  builder: 'a builder, configured once and run',
  builder_pidfd: 'the same with a pidfd',
  ...Object.fromEntries(
    Object.entries(PRELOADED).map(([method, by]) => [method, `libposix_spawn_fast.so, ${by}`]),
  ),
}

/** The programs of bench/designs. */
export const CHILD_NAMES = {
  static: 'a static program',
  dynamic: 'a dynamic program',
  dash: 'dash -c :',
  git: 'git --version',
  rg: 'rg --version',
  python3: 'python3 -c pass',
  busybox: 'busybox true',
}

/** What a batch of chains is compared with. */
export const BATCH_NAMES = {
  vfork_batch: '16 vforks, their exits collected at the end',
  vfork: '16 vforks in turn, each with its exit',
}
