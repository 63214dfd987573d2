/** The codes of argument errors. */
export type ArgumentErrorCode =
  | 'ERR_INVALID_ARG_TYPE'
  | 'ERR_INVALID_ARG_VALUE'
  | 'ERR_OUT_OF_RANGE'
  | 'ERR_INVALID_STATE'
  | 'ERR_UNKNOWN_OPTION'

/** An argument error with a code, like Node's own. */
export function argumentError(code: ArgumentErrorCode, message: string): Error & { code: string } {
  const error = code === 'ERR_OUT_OF_RANGE' ? new RangeError(message) : new TypeError(message)
  return Object.assign(error, { code })
}
