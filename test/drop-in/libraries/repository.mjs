// A folder for a repository whose commits are the same in every run.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const dir = mkdtempSync(join(tmpdir(), 'libraries-'))
process.on('exit', () => rmSync(dir, { recursive: true }))

const date = '2024-01-02T03:04:05Z'
Object.assign(process.env, {
  ...{
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_DATE: date,
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@b',
  },
  ...{ GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@b', GIT_CONFIG_NOSYSTEM: '1', HOME: dir },
})
