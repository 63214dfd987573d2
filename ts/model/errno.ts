/** Names and numbers of errors. */
import { constants } from 'node:os'

/** Errors of Linux that node:os does not name. */
const linuxErrors = {
  ENODATA: 61,
  ENONET: 64,
  EREMOTE: 66,
  ELIBACC: 79,
  ELIBBAD: 80,
  ELIBSCN: 81,
  ELIBMAX: 82,
  ELIBEXEC: 83,
  ERESTART: 85,
  EUSERS: 87,
  ESHUTDOWN: 108,
  EHOSTDOWN: 112,
  EUCLEAN: 117,
  EREMOTEIO: 121,
  ENOMEDIUM: 123,
  ENOKEY: 126,
  EKEYEXPIRED: 127,
  EKEYREVOKED: 128,
  EKEYREJECTED: 129,
  EHWPOISON: 133,
}

// If a number has several names, use the first: EAGAIN is also EWOULDBLOCK.
const names = new Map(
  Object.entries({ ...constants.errno, ...linuxErrors })
    .reverse()
    .map(([name, number]) => [number, name]),
)

/** 'ENOENT' for 2. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`
}

/** The numbers that the library itself needs. */
export const {
  EACCES,
  EAGAIN,
  ECANCELED,
  EINVAL,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  ENXIO,
  EOPNOTSUPP,
  ESRCH,
  ESTALE,
  ETIMEDOUT,
  ETXTBSY,
} = constants.errno
