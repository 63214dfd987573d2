export type { BackendName } from './backend/backend.js'
export type { Step } from './chain/ops.js'
export { SpawnError } from './errors.js'
export type {
  Rlimit,
  RlimitName,
  RunOptions,
  SpawnOptions,
  StdioEntry,
  StdioFile,
  StdioOption,
} from './options/types.js'
export { type Probe, probe } from './probe.js'
export type { Child } from './process/child.js'
export { AbortError } from './process/ending.js'
export type { Exit, ResourceUsage } from './process/exit.js'
export { RunError, type RunResult, run } from './run.js'
export { spawn } from './spawn.js'
