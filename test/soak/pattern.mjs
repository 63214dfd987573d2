// The bytes that `witness fill` writes and `witness expect` wants.

const BLOCK = 65536
/** The most bytes of a pattern. */
export const MOST = 512 * 1024

const bytes = Buffer.alloc(MOST + BLOCK)
for (let i = 0; i < bytes.length; i++) bytes[i] = (i % BLOCK) * 7 + ((i % BLOCK) >> 8)

/** A view, not to be written to. */
export const pattern = (seed, size) => bytes.subarray(seed % BLOCK, (seed % BLOCK) + size)
