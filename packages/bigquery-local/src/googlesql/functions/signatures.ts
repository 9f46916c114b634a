// Functions that BigQuery has and the analyser's built-in list lacks, as
// `FunctionProto` entries (`customFunction`) for its catalog. Calls appear as `bq:<name>`.

type Argument = {
  readonly kind: string;
  readonly type?: { readonly typeKind: string };
  readonly numOccurrences: number;
  readonly options: { readonly cardinality: string };
};

function fixed(typeKind: string): Argument {
  return { kind: 'ARG_TYPE_FIXED', type: { typeKind }, numOccurrences: 1, options: { cardinality: 'REQUIRED' } };
}

function any(kind: 'ARG_TYPE_ANY_1' | 'ARG_TYPE_ANY_2'): Argument {
  return { kind, numOccurrences: 1, options: { cardinality: 'REQUIRED' } };
}

function entry(
  name: string,
  mode: 'SCALAR' | 'AGGREGATE',
  args: readonly Argument[],
  returnType: Argument,
): Record<string, unknown> {
  return {
    namePath: [name],
    group: 'bq',
    mode,
    signature: [{ argument: args, returnType: { ...returnType, numOccurrences: -1 } }],
    ...(mode === 'AGGREGATE'
      ? { options: { supportsOverClause: true, supportsWindowFraming: true, windowOrderingSupport: 'ORDER_OPTIONAL' } }
      : {}),
  };
}

/** Entries of SimpleCatalogProto.customFunction, in the JSON form of proto-loader. */
export const extraSignatures: readonly Record<string, unknown>[] = [
  entry('max_by', 'AGGREGATE', [any('ARG_TYPE_ANY_1'), any('ARG_TYPE_ANY_2')], any('ARG_TYPE_ANY_1')),
  entry('min_by', 'AGGREGATE', [any('ARG_TYPE_ANY_1'), any('ARG_TYPE_ANY_2')], any('ARG_TYPE_ANY_1')),
  entry('contains_substr', 'SCALAR', [fixed('TYPE_STRING'), fixed('TYPE_STRING')], fixed('TYPE_BOOL')),
  entry('edit_distance', 'SCALAR', [fixed('TYPE_STRING'), fixed('TYPE_STRING')], fixed('TYPE_INT64')),
];
