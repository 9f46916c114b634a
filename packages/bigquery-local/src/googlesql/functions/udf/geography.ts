// Points from numbers, well-known text and GeoJSON.
import { parsePoint, pointOf } from '../../values/geography.ts';

export function point(longitude: string, latitude: string): string | null {
  return pointOf(Number(longitude), Number(latitude)) ?? null;
}

export function fromText(text: string): string {
  const shown = text.slice(0, 200);
  const parsed = parsePoint(text);
  switch (parsed) {
    case 'invalid':
      throw new Error(`ST_GeogFromText failed: Invalid WKT: ${shown}`);
    case 'not a point':
      throw new Error(`A GEOGRAPHY that is not a point (${shown}) is not supported by the local BigQuery`);
    case 'latitude':
      throw new Error('ST_GeogFromText failed: Latitude must be between -90 and 90 degrees');
    default:
      return parsed;
  }
}

export function fromGeoJson(text: string): string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('ST_GeogFromGeoJSON failed: Input is not valid JSON');
  }
  const { type, coordinates } = (json ?? {}) as { readonly type?: unknown; readonly coordinates?: unknown };
  if (typeof type !== 'string') throw new Error('ST_GeogFromGeoJSON failed: The input has no type');
  if (type !== 'Point')
    throw new Error(`A GEOGRAPHY that is not a point (${type.slice(0, 40)}) is not supported by the local BigQuery`);
  const [longitude, latitude] = Array.isArray(coordinates) ? (coordinates as readonly unknown[]) : [];
  if (typeof longitude !== 'number' || typeof latitude !== 'number')
    throw new Error('ST_GeogFromGeoJSON failed: The coordinates of a Point are two numbers');
  const made = pointOf(longitude, latitude);
  if (made === undefined) throw new Error('ST_GeogFromGeoJSON failed: Latitude must be between -90 and 90 degrees');
  return made;
}
