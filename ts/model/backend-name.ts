/** The name of a backend; the guide's page on backends compares them. */
export type BackendName = 'uring' | 'spawn_template' | 'vfork' | 'fork'

/** All of them, best first. */
export const backendNames: readonly BackendName[] = ['uring', 'spawn_template', 'vfork', 'fork']

/** Which backend to use: 'auto' is the best that works; 'template' is an older name of 'spawn_template'. */
export type BackendOption = BackendName | 'auto' | 'template'

/** The current name, for one that a caller gives. */
export const currentName = (name: string): string => (name === 'template' ? 'spawn_template' : name)
