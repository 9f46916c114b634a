// Texts of DuckDB keep a leading U+FEFF, which the binding's decoder takes for a byte order
// mark and drops.
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/** For the whole process; whoever opens DuckDB calls it first. Throws when the binding decodes texts in another way. */
export function keepByteOrderMarks(): void {
  const file = path.join(path.dirname(require.resolve('@duckdb/node-api')), 'vectors/dataAccessors.js');
  const accessors = require(file) as { textDecoder?: unknown };
  if (!(accessors.textDecoder instanceof TextDecoder)) {
    throw new Error(`${file} has no textDecoder any more: look how texts are decoded now`);
  }
  accessors.textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
}
