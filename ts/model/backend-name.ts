/** The name of a backend; the guide's page on backends compares them. */
export type BackendName = 'uring' | 'template' | 'vfork' | 'fork'

/** All of them, best first. */
export const backendNames: readonly BackendName[] = ['uring', 'template', 'vfork', 'fork']
