/**
 * Runs batches on more than one machine, through BullMQ on Redis or Valkey.
 *
 * @module uring-spawn/cluster
 */

export { batch, ClusterBatch } from './batch.js'
export { ClusterError, type ClusterErrorCode, LostError } from './errors.js'
export type {
  AllowedProgram,
  ClusterBatchOptions,
  ClusterCommand,
  ClusterOptions,
  ClusterResult,
  Connection,
  LiveOutput,
  PortableOptions,
  WorkerLimits,
  WorkerOptions,
} from './options.js'
export type { WorkerName } from './protocol.js'
export { Worker, worker } from './worker.js'
