// Parameterized types, STRING(L), BYTES(L), NUMERIC(P[, S]) and BIGNUMERIC(P[, S]): what a value must look like to fit.
// Decimals are rounded to the scale before their precision is checked. Source: "Parameterized data types" of the
// GoogleSQL reference; `maxLength`, `precision`, `scale` and `roundingMode` of TableFieldSchema.
import type { FieldSchema } from '../../catalog/schema.ts';
import type { GType } from '../types.ts';
import { quoteText } from './literal.ts';
import { bind, fieldSql, raise } from './sql-text.ts';

export type TypeParameters = {
  /** Code points of a STRING, bytes of BYTES. */
  readonly maxLength?: number;
  readonly precision?: number;
  readonly scale?: number;
  /** How a decimal is rounded to its scale. Default: half away from zero. */
  readonly halfEven?: boolean;
  /** Of an ARRAY's element, or of each field of a STRUCT. */
  readonly children?: readonly (TypeParameters | undefined)[];
};

/** SQL that stands where a value does not fit: `message` is GoogleSQL's text, SQL of type VARCHAR. */
type Misfit = (message: string) => string;

const raised: Misfit = (message) => raise(message);

/** The value of `sql` as the type with these parameters holds it; the same SQL where there is nothing to do. */
export function fittedValue(
  sql: string,
  type: GType,
  parameters: TypeParameters | undefined,
  misfit: Misfit = raised,
  depth = 0,
): string {
  if (parameters === undefined || !saysAnything(parameters)) return sql;
  if (type.kind === 'ARRAY') {
    const item = `bq_p${depth}`;
    const element = fittedValue(item, type.element, parameters.children?.[0], misfit, depth + 1);
    return element === item ? sql : `list_transform(${sql}, lambda ${item}: ${element})`;
  }
  if (type.kind === 'STRUCT') {
    return bind([sql], (x) => {
      const fields = type.fields.map(
        (field, i) =>
          `f${i} := ${fittedValue(fieldSql(x, i), field.type, parameters.children?.[i], misfit, depth + 1)}`,
      );
      return `(CASE WHEN ${x} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END)`;
    });
  }
  if (type.kind === 'STRING' || type.kind === 'BYTES') {
    const length = type.kind === 'STRING' ? 'length' : 'octet_length';
    const max = parameters.maxLength;
    if (max === undefined) return sql;
    const text = quoteText(`${type.kind}(${max}) has maximum length ${max} but got a value with length `);
    return bind(
      [sql],
      (x) => `(CASE WHEN ${length}(${x}) > ${max} THEN ${misfit(`${text} || ${length}(${x})`)} ELSE ${x} END)`,
    );
  }
  if (type.kind === 'NUMERIC' || type.kind === 'BIGNUMERIC') return fittedDecimal(sql, type.kind, parameters, misfit);
  return sql;
}

function fittedDecimal(
  sql: string,
  kind: 'NUMERIC' | 'BIGNUMERIC',
  parameters: TypeParameters,
  misfit: Misfit,
): string {
  const { precision, scale = 0, halfEven = false } = parameters;
  if (precision === undefined) return sql;
  const name = `${kind}(${precision}${scale === 0 ? '' : `, ${scale}`})`;
  const bound = `${'9'.repeat(precision - scale) || '0'}${scale === 0 ? '' : `.${'9'.repeat(scale)}`}`;
  const message = quoteText(
    `${name} has precision ${precision} and scale ${scale} but got a value that is not in range of [-${bound}, ${bound}]`,
  );
  const step = halfEven ? '_round_even' : '_round';
  const rounded = (x: string): string => {
    if (kind === 'BIGNUMERIC') return `bq_big${step}(${x}, '${scale}')`;
    return scale < 9 && !halfEven
      ? `CAST(round(${x}, ${scale}) AS DECIMAL(38,9))`
      : `CAST(bq_numeric${step}(CAST(${x} AS VARCHAR), '${scale}') AS DECIMAL(38,9))`;
  };
  const limit = (x: string): string =>
    kind === 'NUMERIC' ? `abs(${x}) > CAST('${bound}' AS DECIMAL(38,9))` : `bq_big_abs(${x}) > bq_big_of('${bound}')`;
  return bind([sql], (x) => {
    // Rounding at the edge of the range could itself overflow.
    const value = `CASE WHEN ${limit(x)} AND ${limit(kind === 'NUMERIC' ? `trunc(${x}, ${scale})` : `bq_big_trunc(${x}, '${scale}')`)} THEN ${misfit(message)} ELSE ${rounded(x)} END`;
    return bind([value], (fitted) => `(CASE WHEN ${limit(fitted)} THEN ${misfit(message)} ELSE ${fitted} END)`);
  });
}

function saysAnything(parameters: TypeParameters): boolean {
  return (
    parameters.maxLength !== undefined ||
    parameters.precision !== undefined ||
    (parameters.children ?? []).some((child) => child !== undefined && saysAnything(child))
  );
}

/** What a field of a schema says of its values; undefined when it says nothing. */
export function parametersOfField(field: FieldSchema): TypeParameters | undefined {
  const own: TypeParameters = {
    ...(field.maxLength === undefined ? {} : { maxLength: Number(field.maxLength) }),
    ...(field.precision === undefined ? {} : { precision: Number(field.precision) }),
    ...(field.scale === undefined ? {} : { scale: Number(field.scale) }),
    ...(field.roundingMode === 'ROUND_HALF_EVEN' ? { halfEven: true } : {}),
    ...(field.fields === undefined ? {} : { children: field.fields.map(parametersOfField) }),
  };
  if (!saysAnything(own)) return undefined;
  return field.mode === 'REPEATED' ? { children: [own] } : own;
}

/** The field with the parameters of its type, as the REST API writes them. */
export function withParameters(field: FieldSchema, parameters: TypeParameters | undefined): FieldSchema {
  if (parameters === undefined || !saysAnything(parameters)) return field;
  if (field.mode === 'REPEATED')
    return { ...withParameters({ ...field, mode: 'NULLABLE' }, parameters.children?.[0]), mode: 'REPEATED' };
  const { maxLength, precision, scale, children } = parameters;
  return {
    ...field,
    ...(maxLength === undefined ? {} : { maxLength: String(maxLength) }),
    ...(precision === undefined ? {} : { precision: String(precision) }),
    ...(scale === undefined || scale === 0 ? {} : { scale: String(scale) }),
    ...(field.fields === undefined || children === undefined
      ? {}
      : { fields: field.fields.map((child, i) => withParameters(child, children[i])) }),
  };
}

/** What is wrong with a field's parameters, or undefined ("Parameterized data types": their bounds). */
export function parameterProblem(field: FieldSchema): string | undefined {
  const type = field.type.toUpperCase();
  const { maxLength, precision, scale, roundingMode } = field;
  const integer = (text: string): bigint | undefined => (/^\d{1,18}$/.test(text) ? BigInt(text) : undefined);
  if (maxLength !== undefined) {
    if (type !== 'STRING' && type !== 'BYTES') return `maxLength can only be set for STRING and BYTES, not ${type}`;
    if ((integer(maxLength) ?? 0n) < 1n) return `maxLength must be a positive integer, not ${maxLength}`;
  }
  if (precision === undefined && scale === undefined && roundingMode === undefined) return undefined;
  if (type !== 'NUMERIC' && type !== 'BIGNUMERIC')
    return `precision, scale and roundingMode can only be set for NUMERIC and BIGNUMERIC, not ${type}`;
  if (roundingMode !== undefined && !ROUNDING_MODES.has(roundingMode)) return `${roundingMode} is not a rounding mode`;
  if (precision === undefined) return scale === undefined ? undefined : 'scale needs a precision';
  const [maxScale, maxWhole] = type === 'NUMERIC' ? [9n, 29n] : [38n, 38n];
  const s = scale === undefined ? 0n : integer(scale);
  const p = integer(precision);
  if (s === undefined || s > maxScale) return `scale must be between 0 and ${maxScale}, not ${scale}`;
  if (p === undefined || p < (s > 1n ? s : 1n) || p > s + maxWhole)
    return `precision must be between ${s > 1n ? s : 1n} and ${s + maxWhole}, not ${precision}`;
  return undefined;
}

const ROUNDING_MODES = new Set(['ROUNDING_MODE_UNSPECIFIED', 'ROUND_HALF_AWAY_FROM_ZERO', 'ROUND_HALF_EVEN']);

/** Whether every value of `old` fits `now` too: what a column's type may be changed to. */
export function widens(old: FieldSchema, now: FieldSchema): boolean {
  const grows = (was: string | undefined, is: string | undefined): boolean =>
    is === undefined || (was !== undefined && Number(is) >= Number(was));
  const whole = (field: FieldSchema): string | undefined =>
    field.precision === undefined ? undefined : String(Number(field.precision) - Number(field.scale ?? '0'));
  const scale = (field: FieldSchema): string | undefined =>
    field.precision === undefined ? undefined : (field.scale ?? '0');
  const children = (old.fields ?? []).every((child) => {
    const same = now.fields?.find(({ name }) => name.toLowerCase() === child.name.toLowerCase());
    return same === undefined || widens(child, same);
  });
  return (
    grows(old.maxLength, now.maxLength) && grows(whole(old), whole(now)) && grows(scale(old), scale(now)) && children
  );
}

/** A SELECT whose columns, in the order of `fields`, fit their fields; the same SELECT where no field asks for anything. */
export function fittedRows(
  selectSql: string,
  fields: readonly FieldSchema[],
  typeOf: (field: FieldSchema) => GType,
): string {
  if (!fields.some((field) => parametersOfField(field) !== undefined)) return selectSql;
  const names = fields.map((_, i) => `c${i}`);
  const values = fields.map((field, i) => {
    const prefix = quoteText(`Field ${field.name}: `);
    return `${fittedValue(names[i]!, typeOf(field), parametersOfField(field), (message) => raise(`${prefix} || ${message}`))} AS ${names[i]!}`;
  });
  return `SELECT ${values.join(', ')} FROM (${selectSql}) AS unfitted(${names.join(', ')})`;
}
