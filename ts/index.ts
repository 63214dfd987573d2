/**
 * Starts programs on Linux without blocking the JavaScript thread.
 *
 * @module uring-spawn
 */

export type { BackendName, BackendOption } from './backend/backends.js'
export { Batch, batch } from './batch/batch.js'
export {
  BatchError,
  type BatchFailure,
  type BatchResult,
  type BatchSuccess,
} from './batch/result.js'
export type { TemplateLearned } from './executable/learned.js'
export { AbortError } from './model/abort-error.js'
export type { Exit, ResourceUsage } from './model/exit.js'
export type { Step } from './model/operations.js'
export { quote } from './model/quote.js'
export type { RlimitName } from './model/rlimits.js'
export { SpawnError } from './model/spawn-error.js'
export type { Output, StderrOf, StdinOf, StdioOf, StdoutOf, Strict } from './options/inference.js'
export type {
  BatchCommand,
  BatchOptions,
  BatchProgress,
  Input,
  InputChunk,
  MaxBuffer,
  OutputEncoding,
  Rlimit,
  RunOptions,
  RunSyncOptions,
  SpawnOptions,
  StdioEntry,
  StdioFile,
  StdioOption,
  StdioPipe,
  StdioPty,
  SyncInput,
} from './options/options.js'
export { type PipeCommand, pipe } from './pipe.js'
export { type Probe, probe } from './probe.js'
export type { Child } from './process/child.js'
export type { LaunchAbout, LaunchMessage } from './process/told.js'
export { run } from './run.js'
export { RunError, type RunFailure, type RunResult } from './run-result.js'
export { runSync } from './run-sync.js'
export type { Running } from './running.js'
export { spawn } from './spawn.js'
export { type Template, type TemplateOptions, template } from './template.js'
