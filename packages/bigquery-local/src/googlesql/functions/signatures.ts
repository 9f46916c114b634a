// Functions that BigQuery has and the analyser's built-in list lacks, as
// `FunctionProto` entries (`customFunction`) for its catalog. Calls appear as `bq:<name>`.

type Argument = {
  readonly kind: string;
  readonly type?: Readonly<Record<string, unknown>>;
  readonly numOccurrences: number;
  readonly options: Readonly<Record<string, unknown>>;
};

function fixed(typeKind: string): Argument {
  return { kind: 'ARG_TYPE_FIXED', type: { typeKind }, numOccurrences: 1, options: { cardinality: 'REQUIRED' } };
}

function arrayOf(type: Readonly<Record<string, unknown>>): Argument {
  return {
    kind: 'ARG_TYPE_FIXED',
    type: { typeKind: 'TYPE_ARRAY', arrayType: { elementType: type } },
    numOccurrences: 1,
    options: { cardinality: 'REQUIRED' },
  };
}

function any(kind: 'ARG_TYPE_ANY_1' | 'ARG_TYPE_ANY_2'): Argument {
  return { kind, numOccurrences: 1, options: { cardinality: 'REQUIRED' } };
}

/** An argument that may be left out; a query that leaves it out calls with the default. */
function optional(argument: Argument, name: string, named: boolean, defaultValue: Record<string, unknown>): Argument {
  return {
    ...argument,
    numOccurrences: -1,
    options: {
      cardinality: 'OPTIONAL',
      argumentName: name,
      argumentNameIsMandatory: named,
      namedArgumentKind: named ? 'NAMED_ONLY' : 'POSITIONAL_ONLY',
      defaultValue,
    },
  };
}

type Signature = readonly [args: readonly Argument[], returnType: Argument];

function entry(name: string, mode: 'SCALAR' | 'AGGREGATE', ...signatures: Signature[]): Record<string, unknown> {
  return {
    namePath: [name],
    group: 'bq',
    mode,
    signature: signatures.map(([argument, returnType]) => ({
      argument,
      returnType: { ...returnType, numOccurrences: -1 },
    })),
    ...(mode === 'AGGREGATE'
      ? { options: { supportsOverClause: true, supportsWindowFraming: true, windowOrderingSupport: 'ORDER_OPTIONAL' } }
      : {}),
  };
}

const [STRING, BYTES, INT64, FLOAT64, BOOL, JSON_TYPE] = [
  fixed('TYPE_STRING'),
  fixed('TYPE_BYTES'),
  fixed('TYPE_INT64'),
  fixed('TYPE_DOUBLE'),
  fixed('TYPE_BOOL'),
  fixed('TYPE_JSON'),
];
const [ANY_1, ANY_2] = [any('ARG_TYPE_ANY_1'), any('ARG_TYPE_ANY_2')];

/** A sparse vector: an array of dimension and magnitude. */
function sparse(dimension: string): Argument {
  const field = (fieldName: string, typeKind: string): Record<string, unknown> => ({
    fieldName,
    fieldType: { typeKind },
  });
  return arrayOf({
    typeKind: 'TYPE_STRUCT',
    structType: { field: [field('dimension', dimension), field('magnitude', 'TYPE_DOUBLE')] },
  });
}

const DISTANCE: readonly Signature[] = [
  [[arrayOf({ typeKind: 'TYPE_DOUBLE' }), arrayOf({ typeKind: 'TYPE_DOUBLE' })], FLOAT64],
  [[sparse('TYPE_INT64'), sparse('TYPE_INT64')], FLOAT64],
  [[sparse('TYPE_STRING'), sparse('TYPE_STRING')], FLOAT64],
];

const MAX_DISTANCE = optional(INT64, 'max_distance', true, { int64Value: '9223372036854775807' });

/** BOOL_ARRAY, LAX_BOOL_ARRAY and their kin. */
const JSON_ARRAYS = (['BOOL', 'INT64', 'FLOAT64', 'STRING'] as const).flatMap((kind) => {
  const items = arrayOf({ typeKind: kind === 'FLOAT64' ? 'TYPE_DOUBLE' : `TYPE_${kind}` });
  return ['', 'lax_'].map((prefix) => entry(`${prefix}${kind.toLowerCase()}_array`, 'SCALAR', [[JSON_TYPE], items]));
});

/** Entries of SimpleCatalogProto.customFunction, in the JSON form of proto-loader. */
export const extraSignatures: readonly Record<string, unknown>[] = [
  entry('max_by', 'AGGREGATE', [[ANY_1, ANY_2], ANY_1]),
  entry('min_by', 'AGGREGATE', [[ANY_1, ANY_2], ANY_1]),
  entry('contains_substr', 'SCALAR', [
    [ANY_1, STRING, optional(STRING, 'json_scope', true, { stringValue: 'JSON_VALUES' })],
    BOOL,
  ]),
  entry('edit_distance', 'SCALAR', [[STRING, STRING, MAX_DISTANCE], INT64], [[BYTES, BYTES, MAX_DISTANCE], INT64]),
  entry('cosine_distance', 'SCALAR', ...DISTANCE),
  entry('euclidean_distance', 'SCALAR', ...DISTANCE),
  entry('json_keys', 'SCALAR', [
    [
      JSON_TYPE,
      optional(INT64, 'max_depth', false, { int64Value: '9223372036854775807' }),
      optional(STRING, 'mode', true, { stringValue: 'strict' }),
    ],
    arrayOf({ typeKind: 'TYPE_STRING' }),
  ]),
  entry('json_flatten', 'SCALAR', [[JSON_TYPE], arrayOf({ typeKind: 'TYPE_JSON' })]),
  ...JSON_ARRAYS,
];
