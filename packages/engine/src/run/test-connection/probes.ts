// The probes of Test connection: what each check tries, about which permission and
// resource, and what would fix it. Each permission is tried by the very call that a sync
// makes. They leave nothing behind but the state dataset, and one empty table where the
// account may not drop tables.
import { randomBytes } from 'node:crypto';
import { AppError } from '@sluice/core';
import { DEFAULT_STATE_DATASET, quoted } from '../../plan/state-tables.ts';
import { BigQuerySource } from '../../source/bigquery/bigquery.ts';
import { parseKey } from '../../source/bigquery/credentials.ts';
import { LOCATION_UNKNOWN } from '../../source/bigquery/errors.ts';
import type { TableRef } from '../../source/source.ts';
import type { CheckName, Fix, SourceConfig } from '../api.ts';
import { GrantTexts, READ_SESSION_PERMISSIONS, READ_SESSION_USER, datasetFix } from './advice.ts';

const PROBE_TIMEOUT_MS = 120_000;
const PROBE_TABLE_LIFETIME_MS = 3_600_000;
const PROBE_TABLE = 'connection_test';

/** What a probe found: a pass, or a pass without a permission that is useful. */
export type Finding = {
  readonly message: string;
  readonly optional?: { readonly permission: string; readonly fix: Fix };
};

export type Probe = {
  readonly permission?: string;
  readonly resource: string;
  readonly fix: Fix;
  /** Checks without whose success this one cannot be made. */
  readonly after: readonly CheckName[];
  /** Throws what the service answered, or `NotPossible`. */
  run(): Promise<string | Finding>;
};

/** A probe that cannot be made, because of an earlier finding. */
export class NotPossible extends Error {
  override readonly name = 'NotPossible';
  readonly because: CheckName;

  constructor(because: CheckName) {
    super(because);
    this.because = because;
  }
}

/** The probes of one test; they share the table that they try things with. */
export class Probes implements AsyncDisposable {
  readonly #config: SourceConfig;
  readonly #signal: AbortSignal | undefined;
  readonly #texts: GrantTexts;
  readonly #stateDataset: string;
  #opened: BigQuerySource | undefined;
  #datasetExists = false;
  /** Why nothing in the state dataset can be tried. */
  #unusable: CheckName | undefined;
  #mayRunJobs = false;
  #locationUnknown = false;
  #mayDrop = false;
  #table: TableRef | undefined;

  constructor(config: SourceConfig, signal: AbortSignal | undefined) {
    this.#config = config;
    this.#signal = signal;
    this.#texts = new GrantTexts(config);
    this.#stateDataset = config.stateDataset ?? DEFAULT_STATE_DATASET;
  }

  get #source(): BigQuerySource {
    this.#opened ??= new BigQuerySource(this.#config);
    return this.#opened;
  }

  /** What the probes so far have shown; a dataset may be there and usable, but hidden. */
  get datasetExists(): boolean {
    return this.#datasetExists;
  }

  get dataset(): string {
    return this.#texts.dataset;
  }

  all(): Record<CheckName, Probe> {
    const { project, dataset, email } = this.#texts;
    const newKey = `gcloud iam service-accounts keys create key.json --iam-account=${email}`;
    const inDataset = (permission: string): { permission: string; resource: string; fix: Fix } => ({
      permission,
      resource: dataset,
      fix: datasetFix(this.#texts, [permission], this.#datasetExists),
    });
    const texts = this.#texts;
    return {
      key: {
        resource: email,
        fix: {
          words: 'Create a JSON key for the service account and use the whole content of the file.',
          command: newKey,
        },
        after: [],
        run: () => this.#key(),
      },
      token: {
        resource: email,
        fix: { words: 'Enable the service account, or create a new key for it.', command: newKey },
        after: ['key'],
        run: () => this.#token(),
      },
      project: {
        resource: project,
        fix: {
          words: 'Check the project id; it is shown on the project’s dashboard.',
          command: `gcloud projects describe ${this.#config.projectId}`,
        },
        after: ['key', 'token'],
        run: () => this.#project(),
      },
      jobs: {
        permission: 'bigquery.jobs.create',
        resource: project,
        fix: {
          words: 'Grant BigQuery Job User to the service account on the project.',
          command: texts.onProject('roles/bigquery.jobUser'),
          alternative: {
            words: 'Or add the permission to a custom role (ROLE_ID) that the account holds on the project.',
            command: texts.addToCustomRole(['bigquery.jobs.create']),
          },
        },
        after: ['key', 'token', 'project'],
        run: () => this.#jobs(),
      },
      location: {
        resource: dataset,
        fix: {
          words:
            'Set the source’s Data Location to the location of the datasets that the models read; the state dataset must be there too.',
          command: `SELECT schema_name, location FROM \`${this.#config.projectId}\`.\`region-${this.#config.location.toLowerCase()}\`.INFORMATION_SCHEMA.SCHEMATA`,
        },
        after: ['key', 'token', 'project'],
        run: () => this.#location(),
      },
      state_dataset: {
        // Asked of the project: it makes no difference what is granted on the dataset.
        permission: 'bigquery.datasets.create',
        resource: project,
        fix: datasetFix(texts, [], false),
        after: ['key', 'token', 'project'],
        run: () => this.#dataset(),
      },
      state_tables: {
        ...inDataset('bigquery.tables.create'),
        after: ['key', 'token', 'project'],
        run: () => this.#create(),
      },
      state_write: {
        ...inDataset('bigquery.tables.updateData'),
        after: ['key', 'token', 'project', 'state_tables'],
        run: () => this.#write(),
      },
      state_read: {
        ...inDataset('bigquery.tables.getData'),
        after: ['key', 'token', 'project'],
        run: () => this.#read(),
      },
      storage_read: {
        permission: 'bigquery.readsessions.create',
        resource: project,
        fix: {
          words:
            'Grant BigQuery Read Session User to the service account on the project, or read over REST (read: rest).',
          command: texts.onProject(READ_SESSION_USER),
          alternative: {
            words: 'Or add the permissions to a custom role (ROLE_ID) that the account holds on the project.',
            command: texts.addToCustomRole(READ_SESSION_PERMISSIONS),
          },
        },
        after: ['key', 'token', 'project', 'state_tables', 'state_write', 'state_read'],
        run: () => this.#readStorage(),
      },
      state_drop: {
        ...inDataset('bigquery.tables.delete'),
        after: ['key', 'token', 'project', 'state_tables'],
        run: () => this.#drop(),
      },
    };
  }

  /** The fix of a check as things stand now: it differs with whether the dataset exists. */
  fixOf(check: CheckName): Fix {
    return this.all()[check].fix;
  }

  #key(): Promise<string> {
    parseKey(this.#config.credentials, `credentials of source ${this.#config.name}`);
    return Promise.resolve(`The key of ${this.#texts.email} can be read.`);
  }

  async #token(): Promise<string> {
    await this.#source.authenticate();
    return 'The key gives an access token.';
  }

  async #project(): Promise<string> {
    try {
      await this.#source.dryRun('SELECT 1', this.#signal);
    } catch (thrown) {
      // A refused job and an unknown location are the next checks' affair.
      if (isForbidden(thrown)) return 'The service answers; whether the project exists, the next checks tell.';
      if (!isLocationUnknown(thrown)) throw thrown;
    }
    return `The project ${this.#config.projectId} answers.`;
  }

  async #jobs(): Promise<string> {
    await this.#source.dryRun('SELECT 1', this.#signal).catch((thrown: unknown) => {
      this.#locationUnknown = isLocationUnknown(thrown);
      throw this.#locationUnknown ? new NotPossible('location') : thrown;
    });
    this.#mayRunJobs = true;
    return 'Query jobs may be created.';
  }

  async #location(): Promise<string> {
    const { location } = this.#config;
    if (!this.#mayRunJobs && !this.#locationUnknown) throw new NotPossible('jobs');
    this.#unusable = 'location';
    // A job that runs proves that the service knows the location.
    await this.#query('location', 'SELECT 1 AS one');
    const found = await this.#source.dataset(this.#stateDataset, this.#signal).catch(() => undefined);
    if (found !== undefined && found.location.toLowerCase() !== location.toLowerCase()) {
      throw new AppError(`The state dataset is in ${found.location}, but the source's Data Location is ${location}.`, {
        code: 'LOCATION_MISMATCH',
        kind: 'invalid',
      });
    }
    this.#unusable = undefined;
    return `Jobs run in ${location}${found === undefined ? '' : ', where the state dataset is'}.`;
  }

  async #dataset(): Promise<string | Finding> {
    this.#requireUsable();
    const name = this.#stateDataset;
    const found = await this.#source.dataset(name, this.#signal).catch((thrown: unknown) => {
      if (isForbidden(thrown)) return 'hidden' as const;
      throw thrown;
    });
    if (found !== undefined && found !== 'hidden') {
      this.#datasetExists = true;
      return `The dataset ${name} exists.`;
    }
    // A hidden dataset may exist all the same: then this changes nothing, or is refused.
    if (found === undefined) this.#unusable = 'state_dataset';
    await this.#source.createDataset(name, this.#signal);
    this.#unusable = undefined;
    this.#datasetExists = true;
    return found === undefined
      ? `The dataset ${name} did not exist and was created.`
      : `The dataset ${name} exists or was created.`;
  }

  async #create(): Promise<string> {
    this.#requireUsable();
    const named = (tableId: string): TableRef => ({
      projectId: this.#config.projectId,
      datasetId: this.#stateDataset,
      tableId,
    });
    const own = named(`${PROBE_TABLE}_${randomBytes(6).toString('hex')}`);
    // Who may not drop a table is told so before whether it exists: nothing is lost in asking.
    this.#mayDrop = await this.#source.dropTable(own, this.#signal).then(
      () => true,
      () => false,
    );
    // Tables that cannot be dropped must not become more with each test.
    const table = this.#mayDrop ? own : named(PROBE_TABLE);
    await this.#source.createTable(
      table,
      {
        columns: [{ name: 'probe', type: 'INT64' }],
        ...(this.#mayDrop ? { expiresInMs: PROBE_TABLE_LIFETIME_MS } : {}),
      },
      this.#signal,
    );
    this.#table = table;
    this.#datasetExists = true;
    return `Tables may be created in ${this.#stateDataset}.`;
  }

  async #write(): Promise<string> {
    const table = this.#probeTable();
    if (this.#mayRunJobs) {
      await this.#query('probe_write', `INSERT INTO ${quoted(table)} (probe) VALUES (1)`);
    } else {
      const permission = 'bigquery.tables.updateData';
      const held = await this.#source.heldPermissions(table, [permission], this.#signal);
      if (!held.includes(permission))
        throw new AppError(`The account does not hold ${permission} on ${this.#texts.dataset}.`, {
          code: 'SOURCE_FORBIDDEN',
          kind: 'forbidden',
          origin: 'source',
        });
    }
    return 'Rows may be written.';
  }

  async #read(): Promise<string> {
    this.#requireUsable();
    const table = this.#table ?? {
      projectId: this.#config.projectId,
      datasetId: this.#stateDataset,
      tableId: PROBE_TABLE,
    };
    const { datasetExists } = await this.#source.probeRead(table, this.#signal);
    this.#datasetExists ||= datasetExists;
    // Jobs read otherwise than tabledata.list does; both are needed.
    if (this.#table !== undefined && this.#mayRunJobs)
      await this.#query('probe_read', `SELECT probe FROM ${quoted(table)} LIMIT 1`);
    return 'Rows may be read.';
  }

  /** The table holds the row that was written: opening the session and reading it ask for different permissions. */
  async #readStorage(): Promise<string> {
    await this.#source.probeStorage(this.#probeTable(), this.#signal);
    return 'Tables may be read through the Storage Read API.';
  }

  async #drop(): Promise<string | Finding> {
    const table = this.#probeTable();
    if (this.#mayDrop) {
      await this.#source.dropTable(table, this.#signal);
      this.#table = undefined;
      return 'Tables may be dropped.';
    }
    const permission = 'bigquery.tables.delete';
    return {
      message:
        'Not needed: tables may not be dropped, so plans of old syncs do not expire. Sluice removes their rows; the empty tables stay.',
      optional: { permission, fix: datasetFix(this.#texts, [permission], true) },
    };
  }

  #requireUsable(): void {
    if (this.#unusable !== undefined) throw new NotPossible(this.#unusable);
  }

  #probeTable(): TableRef {
    if (this.#table === undefined) throw new Error('the probe table was not created');
    return this.#table;
  }

  async #query(step: string, sql: string): Promise<void> {
    await this.#source.query({
      step,
      sql,
      timeoutMs: PROBE_TIMEOUT_MS,
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    });
  }

  /** Removes what the probes made, as far as the account may. */
  async [Symbol.asyncDispose](): Promise<void> {
    const table = this.#table;
    if (table === undefined) return;
    if (this.#mayDrop) await this.#source.dropTable(table).catch(() => undefined);
    else if (this.#mayRunJobs) await this.#source.emptyTable(table);
  }
}

function isLocationUnknown(thrown: unknown): boolean {
  return thrown instanceof AppError && thrown.code === LOCATION_UNKNOWN;
}

export function isForbidden(thrown: unknown): boolean {
  return thrown instanceof AppError && thrown.kind === 'forbidden';
}
