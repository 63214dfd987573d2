// What the programs here print: only what is the same in every run.

/** A value, on a line of its own. */
export const say = (name, value) => console.log(name, JSON.stringify(value))

/** Of an error or a result, these fields. */
export const pick = (object, ...names) =>
  Object.fromEntries(names.map((name) => [name, object?.[name]]))

/** What a promise rejects with. */
export async function rejection(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it did not reject')
}
