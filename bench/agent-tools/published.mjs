// The table in the cover letter of the RFC that introduced spawn_template: Li
// Chen, "[RFC PATCH v1 00/13] exec: add spawn templates for repeated executable
// startup", 2026-05-28, measured on other hardware with Python's subprocess
// instead of node:child_process.
export const published = {
  source: 'https://lore.kernel.org/r/20260528095235.2491226-1-me@linux.beauty',
  calls: 6144,
  rows: [
    { split: '1x16', subprocess: 411.04, spawnTemplate: 420.32, delta: 2.26 },
    { split: '2x8', subprocess: 666.78, spawnTemplate: 690.08, delta: 3.49 },
    { split: '4x4', subprocess: 955.61, spawnTemplate: 1003.25, delta: 4.99 },
    { split: '8x2', subprocess: 1048.25, spawnTemplate: 1069.18, delta: 2.0 },
  ],
}
