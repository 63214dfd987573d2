/**
 * Importing this makes node:child_process start programs through uring-spawn:
 * `node --import uring-spawn/register app.js`.
 */
import { register, unregister } from './patch.js'

register()

export { register, unregister }
