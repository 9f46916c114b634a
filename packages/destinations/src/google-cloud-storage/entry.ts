// The Cloud Storage destination for the registry.
import type { DestinationEntry } from '../entry.ts';
import { openParts, partsColumns, partsProblems } from '../object-store/parts-action.ts';
import { cloudStorageShape } from './shape.ts';
import { CloudStorageStore, cloudStorageProblems, testCloudStorage } from './store.ts';

export const cloudStorageEntry: DestinationEntry = {
  type: cloudStorageShape.slug,
  name: cloudStorageShape.name,
  origin: 'native',
  shape: () => cloudStorageShape,
  checkConnection: cloudStorageProblems,
  check: partsProblems,
  columns: (spec) => partsColumns(cloudStorageShape, spec),
  open: async (spec) => openParts(cloudStorageShape, spec, new CloudStorageStore(spec)),
  testAuthentication: (spec) => testCloudStorage(spec),
};
