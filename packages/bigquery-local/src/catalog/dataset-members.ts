// Renames a member in the access entries of all datasets: `userByEmail` of a deleted
// account becomes `iamMember: deleted:…`, and the other way round for a restored one.
import type { AccessEntry } from '../access/policy.ts';
import { memberOf } from '../access/members.ts';
import type { CatalogDatabase } from './database.ts';
import type { Datasets } from './datasets.ts';

export function renameDatasetMember(db: CatalogDatabase, datasets: Datasets, member: string, newName: string): void {
  const email = emailOf(member);
  const rows = db.all(
    'SELECT project_id, dataset_id FROM dataset WHERE instr(lower(properties), ?) > 0',
    (email ?? member).toLowerCase(),
  );
  for (const row of rows) {
    const dataset = datasets.get(row['project_id'] as string, row['dataset_id'] as string);
    if (dataset === undefined) continue;
    const access = dataset.properties.access.map((entry) => renamed(entry, member, newName));
    if (access.some((entry, index) => entry !== dataset.properties.access[index]))
      datasets.replace(dataset.projectId, dataset.datasetId, { ...dataset.properties, access });
  }
}

function renamed(entry: AccessEntry, member: string, newName: string): AccessEntry {
  const { userByEmail, iamMember, ...rest } = entry;
  const named = userByEmail === undefined ? iamMember : memberOf(userByEmail);
  if (named === undefined || named !== member) return entry;
  const email = emailOf(newName);
  return email === undefined ? { ...rest, iamMember: newName } : { ...rest, userByEmail: email };
}

/** Of `user:…` and `serviceAccount:…`; undefined for any other member. */
function emailOf(member: string): string | undefined {
  return /^(?:user|serviceAccount):(.+)$/.exec(member)?.[1];
}
