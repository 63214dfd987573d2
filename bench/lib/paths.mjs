import { fileURLToPath } from 'node:url'

/** The project's folder, with a slash at its end. */
export const root = fileURLToPath(new URL('../..', import.meta.url))
/** What a run makes, where the lab's machines see it, too. */
export const out = `${root}out/bench/`
/** The results that are committed, and that the README quotes. */
export const committed = `${root}bench/results/`
