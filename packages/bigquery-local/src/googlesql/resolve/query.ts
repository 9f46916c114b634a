// Resolved query statements → query plans.
import type { QueryPlan } from '../ir.ts';
import { flag, part, parts, text, type Message } from './message.ts';
import { resolveScan } from './scan.ts';
import type { Scope } from './scope.ts';

/** From the fields of any statement with `query` and `outputColumnList`. */
export function resolveQuery(scope: Scope, fields: Message): QueryPlan {
  return {
    relation: resolveScan(scope, fields['query']),
    outputs: parts(fields, 'outputColumnList').map((o) => ({
      name: text(o, 'name'),
      column: scope.column(part(o, 'column')),
    })),
    valueTable: flag(fields, 'isValueTable'),
  };
}
