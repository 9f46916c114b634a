// The field `row`, whose default takes all of the model's columns.
import type { DestinationSpec } from '@sluice/destination-kit';

/** With the row's default, which is a path and so not among the fixed ones. */
export function withRow(spec: DestinationSpec): DestinationSpec {
  return { ...spec, fields: { row: { '@path': '$.properties' }, ...spec.fields } };
}
