/** The options of every call, read and checked. */
import type { EnvVars } from '../model/envvars.js'
import type { batchReads, Checked, runReads, spawnReads, templateReads } from './reads.js'
import type { StdioPlan } from './stdio.js'

/** What a call has besides its options. */
interface Call {
  readonly file: string
  readonly args: readonly string[]
  /** The child's environment: the program's own if the call has none. */
  readonly env: EnvVars
  /** The default if the call has none. */
  readonly stdio: readonly StdioPlan[]
  /** Where the child starts, from Binding.place(); 0: where the process is at the launch. */
  readonly place: number
}

/** A call of spawn(). */
export interface Settings extends Omit<Checked<typeof spawnReads>, keyof Call>, Call {}

/** A call of run(). */
export interface RunSettings extends Omit<Checked<typeof runReads>, keyof Call>, Call {}

/** A call of batch(). */
export interface BatchSettings
  extends Pick<
    Checked<typeof batchReads>,
    'concurrency' | 'bail' | 'onProgress' | /* for the whole batch: */ 'signal'
  > {
  /** For each command. */
  readonly run: Omit<RunSettings, 'env' | 'stdio'> & {
    readonly env: EnvVars | undefined
    readonly stdio: readonly StdioPlan[] | undefined
  }
}

/** A call of template(). */
export type TemplateSettings = Checked<typeof templateReads>
