// GEOGRAPHY, points only: stored as the text `POINT(longitude latitude)`, which is also what the REST API sends.
// Every other shape is refused by name. Source: "GEOGRAPHY" and "Geography functions" of the GoogleSQL reference.

const NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
const POINT = new RegExp(String.raw`^\s*POINT\s*\(\s*(${NUMBER})\s+(${NUMBER})\s*\)\s*$`, 'i');

/** Degrees on the sphere. Longitudes outside of ±180 are wrapped, as in BigQuery; latitudes beyond ±90 are errors. */
export function pointOf(longitude: number, latitude: number): string | undefined {
  if (!Number.isFinite(longitude) || !Number.isFinite(latitude) || Math.abs(latitude) > 90) return undefined;
  const wrapped = Math.abs(longitude) <= 180 ? longitude : longitude - 360 * Math.round(longitude / 360);
  return `POINT(${degrees(wrapped)} ${degrees(latitude)})`;
}

function degrees(value: number): string {
  return String(value === 0 ? 0 : value);
}

/** The stored form of a point's text, or why it is none: `invalid`, `not a point` (another shape) or `latitude`. */
export function parsePoint(text: string): string {
  const match = POINT.exec(text);
  if (match === null)
    return /^\s*(?:POINT|LINESTRING|POLYGON|MULTI\w+|GEOMETRYCOLLECTION|FULLGLOBE|TRIANGLE)\b/i.test(text)
      ? 'not a point'
      : 'invalid';
  return pointOf(Number(match[1]), Number(match[2])) ?? 'latitude';
}

/** The stored form of a point's well-known text; undefined for anything else. */
export function storedGeography(text: string): string | undefined {
  const point = parsePoint(text);
  return point.startsWith('POINT(') ? point : undefined;
}
