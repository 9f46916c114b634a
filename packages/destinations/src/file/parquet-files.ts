// The file destination's Parquet: one file per batch.
import path from 'node:path';
import type { DestinationSpec, OpenDestination } from '@sluice/destination-kit';
import { openSession } from '@sluice/destination-kit';
import { columnTypesOf } from '../object-store/column-types.ts';
import { withRow } from '../with-row.ts';
import { PartsSession } from '../object-store/parts-session.ts';
import { FolderStore } from './folder-store.ts';
import { fileShape } from './shape.ts';

const BATCHING = { maxRows: 10_000, maxBytes: 16_000_000, concurrency: 1 } as const;

/** `file` is the path of the sync's files up to the place of the batch, with the format's ending. */
export function openParquetFiles(spec: DestinationSpec, file: string): OpenDestination {
  const { dir, name } = path.parse(file);
  const encoding = { format: 'parquet', gzip: false, types: columnTypesOf(spec.fields['column_types']) } as const;
  const place = { mappingId: spec.mappingId, syncId: spec.syncId, openedAt: new Date() };
  const session = new PartsSession(new FolderStore(dir), encoding, `${name}-{batch}`, place);
  return openSession(fileShape, withRow(spec), session, { batching: BATCHING });
}
