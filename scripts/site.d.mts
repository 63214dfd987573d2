/** The command that makes the site of the project in `folder`, as its typedoc.json says; to be run there. */
export function siteCommand(folder: string, args?: readonly string[]): string[]
