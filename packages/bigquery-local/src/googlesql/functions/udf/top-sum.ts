// APPROX_TOP_SUM: the values with the largest sums of weights, exactly.
// Source: "Approximate aggregate functions" of the GoogleSQL reference.

type Sum = { readonly index: number; sum: string | null };

/**
 * `keys` and `weights` row by row, as texts; each result is `index:sum`, the index (from 1) that of a row with that key,
 * the sum empty for NULL. `kind` is the type of the weights.
 */
export function topSum(
  keys: readonly (string | null)[],
  weights: readonly (string | null)[],
  count: bigint,
  kind: string,
): string[] {
  if (count < 1n) throw new Error('The number of elements of APPROX_TOP_SUM must be positive');
  const sums = new Map<string | null, Sum>();
  for (const [i, key] of keys.entries()) {
    const entry = sums.get(key) ?? { index: i + 1, sum: null };
    sums.set(key, entry);
    const weight = weights[i]!;
    if (weight === null) continue;
    if (weight.startsWith('-') || weight === 'nan')
      throw new Error('APPROX_TOP_SUM does not allow negative or NaN weights');
    entry.sum = entry.sum === null ? weight : add(entry.sum, weight, kind);
  }
  const ordered = [...sums.values()].toSorted((a, b) => compare(b.sum, a.sum));
  return ordered.slice(0, Number(count)).map(({ index, sum }) => `${index}:${sum ?? ''}`);
}

const SCALE = 38;

function scaled(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(SCALE, '0'));
}

function add(a: string, b: string, kind: string): string {
  if (kind === 'FLOAT64') return String(Number(a) + Number(b));
  const digits = (scaled(a) + scaled(b)).toString().padStart(SCALE + 1, '0');
  const fraction = digits.slice(-SCALE).replace(/0+$/, '');
  return `${digits.slice(0, -SCALE)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** NULL is the smallest. */
function compare(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  return Number(a) - Number(b);
}
