// The temporary tables of one script or session: tables of a hidden dataset of the caller,
// made with the first of them and dropped with the last statement.
import { randomUUID } from 'node:crypto';
import type { Principal } from '../../access/decision.ts';
import { deleteDataset } from '../../catalog/dataset-changes.ts';
import type { Services } from '../../services.ts';

/** Names of such datasets begin with this. */
export const SCRIPT_DATASET = '_script';

export class TemporaryTables implements AsyncDisposable {
  readonly projectId: string;
  readonly datasetId: string;
  readonly #services: Services;
  readonly #principal: Principal;
  readonly #location: string;
  #made = false;

  constructor(services: Services, principal: Principal, projectId: string, location: string) {
    this.#services = services;
    this.#principal = principal;
    this.#location = location;
    this.projectId = projectId;
    this.datasetId = `${SCRIPT_DATASET}${randomUUID().replaceAll('-', '')}`;
  }

  /** Names are case-sensitive. */
  has(tableId: string): boolean {
    const { projectId, datasetId } = this;
    return this.#made && this.#services.tables.get({ projectId, datasetId, tableId }) !== undefined;
  }

  /** Before a statement that makes a temporary table. */
  ensure(): void {
    if (this.#made) return;
    const { email } = this.#principal;
    this.#services.datasets.insert({
      projectId: this.projectId,
      datasetId: this.datasetId,
      location: this.#location,
      hiddenOwner: email,
      properties: { access: [{ role: 'OWNER', userByEmail: email }] },
    });
    this.#made = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#made) return;
    this.#made = false;
    await dropTemporary(this.#services, this.projectId, this.datasetId);
  }
}

/** Nothing happens where there is no such dataset. */
async function dropTemporary(services: Services, projectId: string, datasetId: string): Promise<void> {
  const dataset = services.datasets.get(projectId, datasetId);
  if (dataset !== undefined) await deleteDataset(services, dataset, true, () => undefined);
}

/** At start: scripts and sessions of a server that died are over. */
export async function dropAbandoned(services: Services): Promise<void> {
  for (const { projectId, datasetId } of services.datasets.hidden(SCRIPT_DATASET))
    await dropTemporary(services, projectId, datasetId);
}
