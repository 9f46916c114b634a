// The one DuckDB function that all JavaScript functions of users run through. It takes the definition with each
// call, so that nothing is registered, or left behind, for any of them.
import { DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api';
import { callScript } from './sandbox.ts';

/** `bq_javascript(definition, arguments)`: texts in, text out. Evaluated for every row: the function may be random. */
export function javascriptFunction(): DuckDBScalarFunction {
  return DuckDBScalarFunction.create({
    name: 'bq_javascript',
    returnType: VARCHAR,
    parameterTypes: [VARCHAR, VARCHAR],
    volatile: true,
    mainFunction: (_info, chunk, output) => {
      if (chunk.rowCount > 0) {
        const definition = chunk.getColumnVector(0).getItem(0) as string;
        const args = chunk.getColumnVector(1);
        const rows = Array.from({ length: chunk.rowCount }, (_, row) => args.getItem(row) as string);
        callScript(definition, rows).forEach((text, row) => output.setItem(row, text));
      }
      output.flush();
    },
  });
}
