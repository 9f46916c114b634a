// The S3 destination for the registry.
import type { DestinationEntry } from '../entry.ts';
import { openParts, partsColumns, partsProblems } from '../object-store/parts-action.ts';
import { s3Shape } from './shape.ts';
import { S3Store, s3SettingProblems, s3Settings, testS3 } from './store.ts';

export const s3Entry: DestinationEntry = {
  type: s3Shape.slug,
  name: s3Shape.name,
  origin: 'native',
  shape: () => s3Shape,
  checkConnection: s3SettingProblems,
  check: partsProblems,
  columns: (spec) => partsColumns(s3Shape, spec),
  open: async (spec) => openParts(s3Shape, spec, new S3Store(s3Settings(spec))),
  testAuthentication: (spec, _options, signal) => testS3(spec, signal),
};
