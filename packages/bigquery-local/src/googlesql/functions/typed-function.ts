// JavaScript scalar functions over typed values, for what the text functions of register.ts cannot carry: BYTES,
// integers and lists. NULL in any argument gives NULL, save inside lists; an exception fails the query with its message.
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBListValue,
  DuckDBScalarFunction,
  LIST,
  VARCHAR,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api';

type Values = {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly int: bigint;
  readonly float: number;
  readonly bool: boolean;
  readonly texts: readonly (string | null)[];
  readonly byte_strings: readonly (Uint8Array | null)[];
  readonly ints: readonly (bigint | null)[];
  readonly floats: readonly (number | null)[];
};
type Kind = keyof Values;

const TYPES: Readonly<Record<Kind, DuckDBType>> = {
  text: VARCHAR,
  bytes: BLOB,
  int: BIGINT,
  float: DOUBLE,
  bool: BOOLEAN,
  texts: LIST(VARCHAR),
  byte_strings: LIST(BLOB),
  ints: LIST(BIGINT),
  floats: LIST(DOUBLE),
};

/** Longest list, text or byte string that a function may take or give. */
const MAX_LENGTH = 16 * 1024 * 1024;

export type TypedFunction = {
  readonly parameters: readonly Kind[];
  readonly result: Kind;
  readonly run: (...args: unknown[]) => unknown;
};

/** The types of `run` follow from the names of the kinds. */
export function typed<const P extends readonly Kind[], R extends Kind>(
  parameters: P,
  result: R,
  run: (...args: { -readonly [I in keyof P]: Values[P[I]] }) => Values[R] | null,
): TypedFunction {
  return { parameters, result, run: run as (...args: unknown[]) => unknown };
}

export function typedScalarFunction(name: string, { parameters, result, run }: TypedFunction): DuckDBScalarFunction {
  return DuckDBScalarFunction.create({
    name,
    returnType: TYPES[result],
    parameterTypes: parameters.map((kind) => TYPES[kind]),
    mainFunction: (_info, chunk, output) => {
      const columns = parameters.map((_, i) => chunk.getColumnVector(i));
      for (let row = 0; row < chunk.rowCount; row++) {
        const args = columns.map((column) => fromDuckDb(name, column.getItem(row)));
        output.setItem(row, args.includes(null) ? null : toDuckDb(name, run(...args)));
      }
      output.flush();
    },
  });
}

function fromDuckDb(name: string, value: DuckDBValue): unknown {
  const plain =
    value instanceof DuckDBListValue
      ? value.items.map((item) => (item instanceof DuckDBBlobValue ? item.bytes : item))
      : value instanceof DuckDBBlobValue
        ? value.bytes
        : value;
  return bounded(name, 'An argument', plain);
}

function toDuckDb(name: string, value: unknown): DuckDBValue {
  const checked = bounded(name, 'The result', value);
  if (checked instanceof Uint8Array) return new DuckDBBlobValue(checked);
  if (Array.isArray(checked))
    return new DuckDBListValue(
      checked.map((item: unknown) => (item instanceof Uint8Array ? new DuckDBBlobValue(item) : (item as DuckDBValue))),
    );
  return checked as DuckDBValue;
}

function bounded(name: string, what: string, value: unknown): unknown {
  const length = typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array ? value.length : 0;
  if (length > MAX_LENGTH) throw new Error(`${what} of ${name.slice(3).toUpperCase()} is longer than ${MAX_LENGTH}`);
  return value;
}
