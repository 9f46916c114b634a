// FORMAT. Arguments travel as their GoogleSQL texts; types whose text is not certain are refused by name.
import { castSql } from '../values/cast.ts';
import { quoteText } from '../values/literal.ts';
import { argument, kindOf } from './call.ts';
import type { ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

const KINDS = new Set(['INT64', 'FLOAT64', 'NUMERIC', 'STRING', 'BOOL', 'DATE', 'DATETIME', 'TIME', 'TIMESTAMP']);

export const format: ScalarFunction = (call) => {
  const kinds = call.args.slice(1).map((_, i) => kindOf(call, i + 1));
  for (const kind of kinds) if (!KINDS.has(kind)) throw unsupportedFunction(`FORMAT (${kind})`);
  const texts = call.args
    .slice(1)
    .map((arg) => castSql({ sql: arg.sql, from: arg.type, to: { kind: 'STRING' }, safe: false }));
  return `bq_format(${argument(call, 0).sql}, ${quoteText(kinds.join(','))}, CAST(to_json(CAST([${texts.join(', ')}] AS VARCHAR[])) AS VARCHAR))`;
};
