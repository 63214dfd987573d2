/** An environment for npm, which keeps a cache at home: in the clone if there is no home. */
export function npmEnvironment(): NodeJS.ProcessEnv
