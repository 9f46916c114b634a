// The refusal of a function or overload that the library does not have.
import { BigQueryError } from '../../bigquery-error.ts';

/** `name` as the analyser gives it; operators (`$add`) are shown without the dollar sign. */
export function unsupportedFunction(name: string): BigQueryError {
  return new BigQueryError(
    'invalidQuery',
    `Function ${name.replace(/^\$/, '').toUpperCase()} is not supported by the local BigQuery`,
  );
}
