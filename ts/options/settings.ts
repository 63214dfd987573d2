/** The options of every call, read and checked. */
import type { EnvVars } from '../model/envvars.js'
import type { InputSource } from './input.js'
import type {
  batchReads,
  Checked,
  commandReads,
  runReads,
  spawnReads,
  templateReads,
} from './reads.js'
import type { StdioPlan } from './stdio.js'

/** The value of the option `cgroup` that stands for one of the child's own. */
export const NEW_CGROUP = 'new'

/** What a call has besides its options. */
interface Call {
  readonly file: string
  readonly args: readonly string[]
  /** The child's environment, by default this process's. */
  readonly env: EnvVars
  /** Complete: defaults are filled in. */
  readonly stdio: readonly StdioPlan[]
  /** Where the child starts, from Binding.place(); 0: where the process is at the launch. */
  readonly place: number
}

/** What a call writes to its program; a file is part of `stdio` by then. */
interface Fed {
  readonly input: Uint8Array | InputSource | undefined
}

/** The options of a spawn() call, read and checked. */
export interface Settings extends Omit<Checked<typeof spawnReads>, keyof Call>, Call {}

/** The options of a run() call, read and checked. */
export interface RunSettings
  extends Omit<Checked<typeof runReads>, keyof Call | keyof Fed>,
    Call,
    Fed {}

/** A command of a batch with its options, read and checked. */
export interface CommandSettings
  extends RunSettings,
    Pick<Checked<typeof commandReads>, 'retries'> {}

/** The options of a batch() call, read and checked. */
export interface BatchSettings
  extends Pick<
    Checked<typeof batchReads>,
    | 'concurrency'
    | 'bail'
    | 'onProgress'
    | 'total'
    | 'jobserver'
    | /* for the whole batch: */ 'signal'
  > {
  /** For each command. */
  readonly run: Omit<CommandSettings, 'env' | 'stdio'> & {
    readonly env: EnvVars | undefined
    readonly stdio: readonly StdioPlan[] | undefined
  }
}

/** The options of a template() call, read and checked. */
export type TemplateSettings = Checked<typeof templateReads>
