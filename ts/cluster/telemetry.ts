/** Spans for OpenTelemetry, by BullMQ's own hook, without what commands write. */

type Attributes = Readonly<Record<string, unknown>>

interface Span {
  addEvent(name: string, attributes?: Attributes): void
  setAttribute(name: string, value: unknown): void
  setAttributes(attributes: Attributes): void
}

interface Telemetry {
  tracer: { startSpan(...args: unknown[]): Span }
}

/** What BullMQ tells of a job that may contain output, or of a connection a password. */
const withheld = new Set(['bullmq.job.result', 'bullmq.job.progress', 'bullmq.queue.options'])

const without = (attributes: Attributes = {}): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !withheld.has(name)))

/** Everything else of an object is its own. */
function changedBy<T extends object>(target: T, changed: Partial<Record<string, unknown>>): T {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && Object.hasOwn(changed, name)) return changed[name]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const discreetSpan = (span: Span): Span =>
  changedBy(span, {
    addEvent: (name: string, attributes?: Attributes) => span.addEvent(name, without(attributes)),
    setAttributes: (attributes: Attributes) => span.setAttributes(without(attributes)),
    setAttribute: (name: string, value: unknown) => {
      if (!withheld.has(name)) span.setAttribute(name, value)
    },
  })

/** The caller's hook, which is told no output. */
export function discreet(telemetry: object): object {
  const { tracer } = telemetry as Telemetry
  const startSpan = (...args: unknown[]) => discreetSpan(tracer.startSpan(...args))
  return changedBy(telemetry, { tracer: changedBy(tracer, { startSpan }) })
}
