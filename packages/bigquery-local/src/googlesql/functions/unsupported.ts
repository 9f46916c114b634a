// The refusal of a function or overload that the library does not have.
import { BigQueryError } from '../../bigquery-error.ts';

/**
 * `name` as the analyser gives it, perhaps followed by what of it is missing (`regexp_extract with …`, `upper (BYTES)`).
 * Operators (`$add`) are shown without the dollar sign.
 */
export function unsupportedFunction(name: string): BigQueryError {
  const shown = name.replace(/^\$/, '').replace(/^[\w.]+/, (word) => word.toUpperCase());
  return new BigQueryError('invalidQuery', `Function ${shown} is not supported by the local BigQuery`);
}
