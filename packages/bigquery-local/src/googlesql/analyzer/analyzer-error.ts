// The analyser's gRPC errors → BigQuery's errors.
import { BigQueryError } from '../../bigquery-error.ts';
import { isRefusedFunction } from '../compatibility/entries.ts';

/** A function that this analyser lacks, scalar or table-valued. */
const MISSING_FUNCTION = /^(?:Table-valued function|Function) not found: ([\w.`]+).*?(\[at \d+:\d+\])/;

const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const OUT_OF_RANGE = 11;
const UNIMPLEMENTED = 12;

type GrpcError = { readonly code: number; readonly details: string };

export function isGrpcError(error: unknown): error is GrpcError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

/** ZetaSQL writes `… [at 1:8]`, BigQuery `… at [1:8]`. */
function bigQueryText(message: string): string {
  return message.replaceAll(/\[at (\d+):(\d+)\]/g, 'at [$1:$2]');
}

export function invalidQuery(message: string, cause?: unknown): BigQueryError {
  return new BigQueryError('invalidQuery', message, { location: 'query', ...(cause === undefined ? {} : { cause }) });
}

/** A construct that is valid GoogleSQL but that this server does not run. */
export function unsupported(construct: string): BigQueryError {
  return invalidQuery(`${construct} is not supported by the local BigQuery`);
}

/** `AlterTableStmtNode` and `AlterTableStatement` → `ALTER TABLE`. */
export function statementName(kind: string): string {
  return kind
    .replace(/(Stmt|Statement)?(Node)?$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase();
}

/** For a query that the analyser or DuckDB cannot plan within bounds. */
export function tooComplex(cause?: unknown): BigQueryError {
  return new BigQueryError(
    'resourcesExceeded',
    'Resources exceeded during query execution: Not enough resources for query planning - too many subqueries or query is too complex.',
    cause === undefined ? {} : { cause },
  );
}

/** What the analyser says of constructs of BigQuery that it does not know, or that need what is not here. */
const UNKNOWN_CONSTRUCTS: readonly (readonly [said: RegExp, refusal: string])[] = [
  [/^GROUP BY ALL is not supported/, 'GROUP BY ALL is not supported by the local BigQuery'],
  [
    /^Invalid identifier after SELECT WITH.*but got: DIFFERENTIAL_PRIVACY/,
    'SELECT WITH DIFFERENTIAL_PRIVACY is not supported by the local BigQuery',
  ],
  [/^Connection not found: (\S+)/, 'The connection $1 is not supported by the local BigQuery, which has none'],
];

function named(text: string): string {
  const found = UNKNOWN_CONSTRUCTS.find(([said]) => said.test(text));
  return found === undefined ? text : text.replace(...found);
}

export function analyzerError(error: unknown): unknown {
  if (!isGrpcError(error)) return error;
  switch (error.code) {
    case INVALID_ARGUMENT:
    case OUT_OF_RANGE:
    case UNIMPLEMENTED: {
      const [, kind] = /^Statement not supported: (\w+)/.exec(error.details) ?? [];
      if (kind !== undefined) return unsupported(statementName(kind));
      const [, name, place] = MISSING_FUNCTION.exec(error.details) ?? [];
      if (name !== undefined && isRefusedFunction(name.replaceAll('`', '')))
        return invalidQuery(
          bigQueryText(
            `Function ${name.replaceAll('`', '').toUpperCase()} is not supported by the local BigQuery ${place}`,
          ),
        );
      return invalidQuery(named(bigQueryText(error.details)));
    }
    case DEADLINE_EXCEEDED:
      return new BigQueryError('resourcesExceeded', 'The query is too complex: its analysis took too long.', {
        cause: error,
      });
    case RESOURCE_EXHAUSTED:
      return new BigQueryError('resourcesExceeded', 'The query is too large to analyse.', { cause: error });
    default:
      if (error.details.includes('maximum nesting depth exceeded')) return tooComplex(error);
      return new BigQueryError('internalError', `The GoogleSQL analyser failed (${bigQueryText(error.details)}).`, {
        cause: error,
      });
  }
}
