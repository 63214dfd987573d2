import type { Backend } from './backend.js'
import { builder } from './builder.js'
import { fork } from './fork.js'
import { spawnTemplate } from './spawn-template.js'
import { uring } from './uring.js'
import { vfork } from './vfork.js'

/** The name of a backend; the guide's page on backends compares them. */
export type BackendName = 'uring' | 'spawn_template' | 'builder' | 'vfork' | 'fork'

/** Best first. */
const table: { readonly [Name in BackendName]: Backend<Name> } = {
  uring,
  spawn_template: spawnTemplate,
  builder,
  vfork,
  fork,
}

/** All backends, best first. */
export const backends: readonly Backend<BackendName>[] = Object.values(table)

export const backendOf = (name: BackendName): Backend<BackendName> => table[name]

/** The name of the backend with this launcher; undefined if there is none. */
export const nameOfKind = (kind: number | undefined): BackendName | undefined =>
  backends.find((backend) => backend.kind === kind)?.name

/** Which backend to use: 'auto' is the best that works; 'template' is an older name of 'spawn_template'. */
export type BackendOption = BackendName | 'auto' | 'template'

/** The current name, for one that a caller gives. */
export const currentName = (name: string): string => (name === 'template' ? 'spawn_template' : name)
