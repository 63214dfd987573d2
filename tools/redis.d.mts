export class RedisServer {
  constructor(args?: readonly string[])
  readonly port: number
  readonly url: string
  start(): Promise<RedisServer>
  stop(signal?: NodeJS.Signals): Promise<void>
  signal(signal: NodeJS.Signals): void
  remove(): Promise<void>
}
