// Reads the manifest of a dbt project, which may be large.
import { readFile, stat } from 'node:fs/promises';
import { AppError, messageOf } from '@sluice/core';
import { readManifest } from '@sluice/engine';
import type { DbtManifest } from '@sluice/engine';

/** Manifests of the largest projects have some hundred megabytes. */
const MAX_BYTES = 400 * 1024 * 1024;

/** `shown`: the file for messages; `where`: what names it, default: the file itself. */
export async function loadManifest(file: string, shown: string, where = shown): Promise<DbtManifest> {
  const refuse = (reason: string, cause?: unknown): AppError =>
    new AppError(`The dbt manifest ${shown} ${reason}`, {
      code: 'DBT_MANIFEST_NOT_FOUND',
      kind: 'invalid',
      where,
      fix: 'Run "dbt parse" in the dbt project, and name its target/manifest.json (relative to the project folder).',
      ...(cause === undefined ? {} : { cause }),
    });
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > MAX_BYTES) throw refuse(`has ${size} bytes; at most ${MAX_BYTES} can be read`);
    text = await readFile(file, 'utf8');
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    const { code } = thrown as { code?: unknown };
    throw refuse(
      code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be read: ${messageOf(thrown)}`,
      thrown,
    );
  }
  return readManifest(text, shown);
}
