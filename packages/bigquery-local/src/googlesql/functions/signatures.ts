// Functions that BigQuery has and the analyser's built-in list lacks, as
// `FunctionProto` entries (`customFunction`) for its catalog.

/** Entries of SimpleCatalogProto.customFunction, in the JSON form of proto-loader. */
export const extraSignatures: readonly Record<string, unknown>[] = [];
