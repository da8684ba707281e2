// Percentiles of a handful of samples, by nearest rank: each figure is one that was measured.

/** @param {number[]} samples */
export function summary(samples, more = {}) {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = (share) => (sorted.length ? round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]) : null);
  return { n: sorted.length, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), ...more };
}

const round = (value) => Math.round(value * 100) / 100;

/** The figures as a table. */
export function table(figures) {
  const columns = ['n', 'p50', 'p95', 'p99', 'unseen', 'fitInto16GB'];
  const rows = Object.entries(figures).map(([name, figure]) => [name, ...columns.map((column) => String(figure[column] ?? ''))]);
  const all = [['', ...columns], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column] + 2))).join('')).join('\n');
}
