// libposix_spawn_fast.so, which takes the place of the C library's posix_spawn().
import { join } from 'node:path'
import { root } from '../../tools/paths.mjs'

export const LIBRARY = join(root, 'build/Release/libposix_spawn_fast.so')
/** What URING_SPAWN_INTERFACE can be: the first one works on any kernel. */
export const INTERFACES = ['vfork', 'embryo', 'builder', 'template', 'chain']

/** What a line of shell begins with so that its command uses the library at `path`. */
export const preloading = (path, by) => `LD_PRELOAD=${path} URING_SPAWN_INTERFACE=${by}`
