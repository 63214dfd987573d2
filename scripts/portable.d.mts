export const OLDEST_GLIBC: [major: number, minor: number]
export function definedIn(file: string): Set<string>
export function needsOf(file: string): {
  libraries: string[]
  symbols: { name: string; version?: string }[]
}
export function portabilityProblems(file: string, musl?: Set<string>): string[]
