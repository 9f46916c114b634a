// What the command line needs to know about a data directory that a server may be using.
import { statSync } from 'node:fs';

import { AppError } from '@sluice/core';

/** Name of the catalog's SQLite file in the data directory. */
export const CATALOG_FILE = 'catalog.sqlite';

/** AppError when the data directory is missing, or a file: a typing error must not make a new one. */
export function requireDataDirectory(dataDir: string): void {
  if (statSync(dataDir, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new AppError(`There is no local BigQuery in ${dataDir}.`, {
    code: 'DATA_DIRECTORY_MISSING',
    kind: 'invalid',
    where: dataDir,
    fix: `Start it once: sluice bigquery start --data-dir ${dataDir}`,
  });
}
