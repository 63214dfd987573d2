/** The types work for users of exactOptionalPropertyTypes, who may pass undefined. */
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

const project = fileURLToPath(new URL('../..', import.meta.url))

test.each([true, false])('exactOptionalPropertyTypes: %s', (exactOptionalPropertyTypes) => {
  const program = ts.createProgram([`${project}test/types/exact.ts`], {
    exactOptionalPropertyTypes,
    module: ts.ModuleKind.NodeNext,
    noEmit: true,
    strict: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    typeRoots: [`${project}node_modules/@types`],
  })
  const found = ts.getPreEmitDiagnostics(program)
  expect(
    found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
  ).toEqual([])
})
