// How many samples are made of each thing. `ROUNDS=quick` makes a tenth, to try the benchmark itself.

const QUICK = process.env.ROUNDS === 'quick';

/** So many, or a tenth of it; at least two. */
export const times = (count) => (QUICK ? Math.max(2, Math.round(count / 10)) : count);
