// Percentiles of a handful of samples, by nearest rank: each figure is one that was measured.
import { words } from './bounds.mjs';

/** @param {number[]} samples */
export function summary(samples, more = {}) {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = (share) => (sorted.length ? round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]) : null);
  return { n: sorted.length, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), ...rounded(more) };
}

const round = (value) => Math.round(value * 100) / 100;
const rounded = (more) => Object.fromEntries(Object.entries(more).map(([name, value]) => [name, round(value)]));

/** The figures as a table, with the bounds of those that have some. */
export function table(figures) {
  const columns = ['n', 'p50', 'p95', 'p99', 'unseen', 'longest', 'stalls', 'seconds', 'fitInto16GB'];
  const rows = Object.entries(figures).map(([name, figure]) => [name, ...columns.map((column) => String(figure[column] ?? '')), words(figure)]);
  const all = [['', ...columns, 'at most'], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column] + 2))).join('')).join('\n');
}
