// The kernels on which the designs are counted, and what is compared between them.

/** In the order of what they have. The parent's size is counted on the last one only. */
export const KERNELS = ['stock', 'without-mm', 'patched']

/** As people read them. */
export const KERNEL_NAMES = {
  stock: 'stock kernel',
  'without-mm': 'series without mm',
  patched: 'whole series',
}

/** The kernel with which a result says everything; the others have the small parent only. */
export const mainKernel = ({ kernels }) => Object.keys(kernels).at(-1)

/** The rows of the main kernel. */
export const ofMain = (result, rows) => rows.filter(({ kernel }) => kernel === mainKernel(result))

/** What all else is compared with: the way to start a program that needs no series. */
const BASE = 'vfork'
/**
 * What can start it from a template, for which the kernel has to have the series: from one
 * of headers only, as in the RFC of spawn_template, and from one that learns.
 */
const FROM_TEMPLATES = {
  chain_headers: 'chain from headers',
  chain_template: 'chain from a template',
}

/**
 * What each program takes by vfork on each kernel, and from templates on the main one.
 * @returns {{ columns: { kernel: string, method: string }[], rows: { child: string,
 *   base: number, ratios: number[] }[] } | undefined}  `base`: the count of the first
 *   column, to which the ratios of the others are; undefined if there are no two columns
 */
export function compareKernels(result) {
  const small = result.results.filter(({ memory, fds }) => memory === 0 && fds === 3)
  const columns = [
    ...Object.keys(result.kernels).map((kernel) => ({ kernel, method: BASE })),
    ...Object.keys(FROM_TEMPLATES).map((method) => ({ kernel: mainKernel(result), method })),
  ]
  const children = [...new Set(small.map(({ child }) => child))]
  const totalOf = (child, { kernel, method }) =>
    small.find((one) => one.child === child && one.kernel === kernel && one.method === method)
      ?.total
  const there = columns.filter((column) => children.some((child) => totalOf(child, column)))
  if (there.length < 2) return undefined
  const rows = children.map((child) => {
    const [base, ...others] = there.map((column) => totalOf(child, column))
    return { child, base, ratios: others.map((total) => total / base) }
  })
  // A program may not have been counted on every kernel.
  return { columns: there, rows: rows.filter(({ ratios }) => ratios.every(Number.isFinite)) }
}

/** A column of the comparison as people read it. */
export const columnName = ({ kernel, method }) =>
  `${FROM_TEMPLATES[method] ?? method}, ${KERNEL_NAMES[kernel]}`
