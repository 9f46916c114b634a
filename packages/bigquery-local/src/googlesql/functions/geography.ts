// GEOGRAPHY functions of points, and the distances between them. Every other ST_ function, and every shape that is not
// a point, is refused by name. Distances are along great circles of BigQuery's sphere, in metres.
// Source: "Geography functions" of the GoogleSQL reference.
import { floatTextSql } from '../values/sql-text.ts';
import { argument, bind, kindOf, raise, sqls } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

/** The sphere's radius in metres, as in S2. */
const RADIUS = '6371010.0';

/** Arguments after `count` are options (planar, use_spheroid, make_valid, …) that points know only at their defaults. */
function refuseOptions(call: Call, count: number): void {
  for (const arg of call.args.slice(count)) {
    const value = arg.constant?.value;
    if (value !== false && value !== null) throw unsupportedFunction(`${call.name} with these arguments`);
  }
}

const fromDegrees: ScalarFunction = (call) =>
  bind(
    sqls(call),
    (longitude, latitude) =>
      `(CASE WHEN NOT isfinite(${longitude}) OR NOT isfinite(${latitude}) THEN ${raise("'ST_GeogPoint failed: Invalid latitude or longitude'")} WHEN abs(${latitude}) > 90 THEN ${raise(`'ST_GeogPoint failed: Latitude must be between -90 and 90 degrees: ' || ${floatTextSql(latitude)}`)} ELSE bq_geog_point(CAST(${longitude} AS VARCHAR), CAST(${latitude} AS VARCHAR)) END)`,
  );

/** `ST_GEOGFROM…(text)`; the checks are those of `udf/geography.ts`. */
function fromText(udf: string): ScalarFunction {
  return (call) => {
    if (kindOf(call) !== 'STRING') throw unsupportedFunction(`${call.name} (${kindOf(call)})`);
    refuseOptions(call, 1);
    return `${udf}(${argument(call, 0).sql})`;
  };
}

function coordinate(point: string, index: 1 | 2): string {
  return `CAST(string_split(${point}[7:-2], ' ')[${index}] AS DOUBLE)`;
}

function ofPoint(make: (point: string) => string): ScalarFunction {
  return (call) => {
    refuseOptions(call, 1);
    return bind(sqls(call).slice(0, 1), (x) => `(CASE WHEN ${x} IS NOT NULL THEN ${make(x)} END)`);
  };
}

/** The angle between two points, by the haversine formula, which is exact for near ones too. */
function distance(a: string, b: string): string {
  const radians = (point: string, index: 1 | 2): string => `radians(${coordinate(point, index)})`;
  return bind([radians(a, 1), radians(a, 2), radians(b, 1), radians(b, 2)], (lon1, lat1, lon2, lat2) => {
    const square = (x: string): string => `pow(sin((${x}) / 2), 2)`;
    const chord = `least(1.0, ${square(`${lat2} - ${lat1}`)} + cos(${lat1}) * cos(${lat2}) * ${square(`${lon2} - ${lon1}`)})`;
    return `(2 * ${RADIUS} * asin(sqrt(${chord})))`;
  });
}

const between: ScalarFunction = (call) => {
  refuseOptions(call, 2);
  return bind(
    sqls(call).slice(0, 2),
    (a, b) => `(CASE WHEN ${a} IS NOT NULL AND ${b} IS NOT NULL THEN ${distance(a, b)} END)`,
  );
};

const within: ScalarFunction = (call) => {
  refuseOptions(call, 3);
  return bind(
    sqls(call).slice(0, 3),
    (a, b, metres) =>
      `(CASE WHEN ${a} IS NOT NULL AND ${b} IS NOT NULL AND ${metres} IS NOT NULL THEN ${distance(a, b)} <= ${metres} END)`,
  );
};

/** At a pole all longitudes are the same place, and so are -180 and 180 degrees. */
const equals: ScalarFunction = (call) =>
  bind(sqls(call), (a, b) => {
    const same = (x: string, y: string): string =>
      `(${coordinate(x, 2)} = ${coordinate(y, 2)} AND (abs(${coordinate(x, 2)}) = 90 OR ${coordinate(x, 1)} = ${coordinate(y, 1)} OR (abs(${coordinate(x, 1)}) = 180 AND abs(${coordinate(y, 1)}) = 180)))`;
    return `(CASE WHEN ${a} IS NOT NULL AND ${b} IS NOT NULL THEN ${a} = ${b} OR ${same(a, b)} END)`;
  });

export const geographyFunctions: Readonly<Record<string, ScalarFunction>> = {
  st_geogpoint: fromDegrees,
  st_geogfromtext: fromText('bq_geog_from_text'),
  st_geogfromgeojson: fromText('bq_geog_from_geojson'),
  st_x: ofPoint((x) => coordinate(x, 1)),
  st_y: ofPoint((x) => coordinate(x, 2)),
  st_astext: ofPoint((x) => x),
  st_asgeojson: ofPoint((x) => `('{ "type": "Point", "coordinates": [' || replace(${x}[7:-2], ' ', ', ') || '] } ')`),
  st_distance: between,
  st_maxdistance: between,
  st_dwithin: within,
  st_equals: equals,
  st_isempty: ofPoint(() => 'false'),
  st_dimension: ofPoint(() => 'CAST(0 AS BIGINT)'),
  st_geometrytype: ofPoint(() => "'ST_Point'"),
  st_npoints: ofPoint(() => 'CAST(1 AS BIGINT)'),
  st_numpoints: ofPoint(() => 'CAST(1 AS BIGINT)'),
};
