export function anchorsOf(text: string): Set<string>
export function linksOf(text: string): string[]
export function brokenLinks(root: string, files: readonly string[]): string[]
export function brokenLinksOfClone(): Promise<string[]>
