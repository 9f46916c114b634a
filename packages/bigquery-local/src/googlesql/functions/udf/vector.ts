// Distances of vectors. A sparse vector is a list of dimensions and one of magnitudes; a dimension that is missing is 0.
// Source: "Mathematical functions" of the GoogleSQL reference.

type Numbers = readonly (number | null)[];
type Names = readonly (string | null)[];

export function cosineDistance(a: Numbers, b: Numbers): number {
  return cosine(pairs('COSINE_DISTANCE', a, b));
}

export function euclideanDistance(a: Numbers, b: Numbers): number {
  return euclidean(pairs('EUCLIDEAN_DISTANCE', a, b));
}

export function cosineDistanceSparse(aNames: Names, a: Numbers, bNames: Names, b: Numbers): number {
  return cosine(sparsePairs('COSINE_DISTANCE', aNames, a, bNames, b));
}

export function euclideanDistanceSparse(aNames: Names, a: Numbers, bNames: Names, b: Numbers): number {
  return euclidean(sparsePairs('EUCLIDEAN_DISTANCE', aNames, a, bNames, b));
}

function pairs(name: string, a: Numbers, b: Numbers): [number, number][] {
  if (a.length !== b.length)
    throw new Error(
      `Array length mismatch: ${a.length} and ${b.length}. ${name} cannot be computed for vectors of different lengths.`,
    );
  return a.map((x, i) => [present(name, x), present(name, b[i]!)]);
}

function sparsePairs(name: string, aNames: Names, a: Numbers, bNames: Names, b: Numbers): [number, number][] {
  const left = byName(name, aNames, a);
  const right = byName(name, bNames, b);
  return [...new Set([...left.keys(), ...right.keys()])].map((key) => [left.get(key) ?? 0, right.get(key) ?? 0]);
}

function byName(name: string, names: Names, values: Numbers): Map<string, number> {
  const result = new Map<string, number>();
  for (const [i, key] of names.entries()) {
    if (key === null) throw new Error(`Cannot compute ${name} with a NULL dimension.`);
    if (result.has(key)) throw new Error(`Duplicate index ${key} found in the input array.`);
    result.set(key, present(name, values[i]!));
  }
  return result;
}

function present(name: string, value: number | null): number {
  if (value === null) throw new Error(`Cannot compute ${name} with a NULL element.`);
  return value;
}

function cosine(vectors: readonly [number, number][]): number {
  let [product, left, right] = [0, 0, 0];
  for (const [a, b] of vectors) {
    product += a * b;
    left += a * a;
    right += b * b;
  }
  if (left === 0 || right === 0) throw new Error('Cannot compute cosine distance against zero vector.');
  return 1 - product / (Math.sqrt(left) * Math.sqrt(right));
}

function euclidean(vectors: readonly [number, number][]): number {
  return Math.sqrt(vectors.reduce((sum, [a, b]) => sum + (a - b) ** 2, 0));
}
