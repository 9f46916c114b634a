// Test connection: real probes, one after the other, each naming the permission, the
// resource and the fix. Probes leave nothing behind but, where it may, the state dataset.
import { randomBytes } from 'node:crypto';
import { AppError, messageOf } from '@sluice/core';
import { DEFAULT_STATE_DATASET, quoted } from '../plan/state-tables.ts';
import { BigQuerySource } from '../source/bigquery/bigquery.ts';
import { parseKey } from '../source/bigquery/credentials.ts';
import type { TableRef } from '../source/source.ts';
import type { CallOptions, CheckName, CheckResult, SourceConfig } from './api.ts';
import { CHECKS } from './api.ts';
import { stateDatasetGrant } from './context.ts';

type About = {
  readonly permission?: string;
  readonly resource: string;
  readonly fix: { readonly words: string; readonly command: string };
};

export async function checkConnection(config: SourceConfig, options: CallOptions): Promise<CheckResult[]> {
  const { signal } = options;
  const stateDataset = config.stateDataset ?? DEFAULT_STATE_DATASET;
  const project = `projects/${config.projectId}`;
  const email =
    typeof config.credentials?.client_email === 'string' ? config.credentials.client_email : 'the service account';
  const dataset = `${project}/datasets/${stateDataset}`;
  const grantOnProject = (role: string): string =>
    `gcloud projects add-iam-policy-binding ${config.projectId} --member="serviceAccount:${email}" --role="${role}"`;
  const grantOnDataset = stateDatasetGrant(config, stateDataset);
  const newKey = `gcloud iam service-accounts keys create key.json --iam-account=${email}`;

  let opened: BigQuerySource | undefined;
  let missing = false;
  const source = (): BigQuerySource => {
    opened ??= new BigQuerySource(config);
    return opened;
  };

  const checks: Record<CheckName, { about: About; probe: () => Promise<string> }> = {
    key: {
      about: {
        resource: email,
        fix: {
          words: 'Create a JSON key for the service account and use the whole content of the file.',
          command: newKey,
        },
      },
      probe: async () => {
        parseKey(config.credentials, `credentials of source ${config.name}`);
        return `The key of ${email} can be read.`;
      },
    },
    token: {
      about: {
        resource: email,
        fix: { words: 'Enable the service account, or create a new key for it.', command: newKey },
      },
      probe: async () => {
        await source().authenticate();
        return 'The key gives an access token.';
      },
    },
    project: {
      about: {
        resource: project,
        fix: {
          words: 'Check the project id; it is shown on the project’s dashboard.',
          command: `gcloud projects describe ${config.projectId}`,
        },
      },
      probe: async () => {
        try {
          await source().dryRun('SELECT 1', signal);
        } catch (thrown) {
          // A refused job is the next check's affair; a project that is unknown is this one's.
          if (!(thrown instanceof AppError) || thrown.kind !== 'forbidden') throw thrown;
        }
        return `The project ${config.projectId} answers.`;
      },
    },
    jobs: {
      about: {
        permission: 'bigquery.jobs.create',
        resource: project,
        fix: {
          words: 'Grant BigQuery Job User to the service account on the project.',
          command: grantOnProject('roles/bigquery.jobUser'),
        },
      },
      probe: async () => {
        await source().dryRun('SELECT 1', signal);
        return 'Query jobs may be created.';
      },
    },
    location: {
      about: {
        resource: dataset,
        fix: {
          words:
            'Set the source’s Data Location to the location of the datasets that the models read; the state dataset must be there too.',
          command: `SELECT schema_name, location FROM \`${config.projectId}\`.\`region-${config.location.toLowerCase()}\`.INFORMATION_SCHEMA.SCHEMATA`,
        },
      },
      probe: async () => {
        // A job that runs proves that the service knows the location.
        await source().query({
          step: 'location',
          sql: 'SELECT 1 AS one',
          timeoutMs: 60_000,
          ...(signal === undefined ? {} : { signal }),
        });
        const found = await source()
          .dataset(stateDataset, signal)
          .catch(() => undefined);
        if (found === undefined) return `Jobs run in ${config.location}.`;
        if (found.location.toLowerCase() !== config.location.toLowerCase()) {
          throw new AppError(
            `The state dataset is in ${found.location}, but the source's Data Location is ${config.location}.`,
            { code: 'LOCATION_MISMATCH', kind: 'invalid' },
          );
        }
        return `Jobs run in ${config.location}, where the state dataset is.`;
      },
    },
    state_dataset: {
      about: {
        permission: 'bigquery.datasets.create',
        resource: dataset,
        fix: {
          words:
            'Create the state dataset and make the service account its BigQuery Data Editor, or grant BigQuery User on the project.',
          command: grantOnDataset,
        },
      },
      probe: async () => {
        const found = await source()
          .dataset(stateDataset, signal)
          .catch((thrown: unknown) => {
            if (thrown instanceof AppError && thrown.kind === 'forbidden') return 'hidden' as const;
            throw thrown;
          });
        if (found === 'hidden') {
          // It may exist all the same; whether tables can be made in it is the next check.
          missing = true;
          await source().createDataset(stateDataset, signal);
          return `The dataset ${stateDataset} exists or was created.`;
        }
        if (found !== undefined) return `The dataset ${stateDataset} exists.`;
        await source().createDataset(stateDataset, signal);
        return `The dataset ${stateDataset} did not exist and was created.`;
      },
    },
    state_tables: {
      about: {
        permission:
          'bigquery.tables.create, bigquery.tables.updateData, bigquery.tables.getData, bigquery.tables.delete',
        resource: dataset,
        fix: { words: 'Make the service account BigQuery Data Editor of the state dataset.', command: grantOnDataset },
      },
      probe: async () => {
        const table: TableRef = {
          projectId: config.projectId,
          datasetId: stateDataset,
          tableId: `connection_test_${randomBytes(6).toString('hex')}`,
        };
        const withSignal = signal === undefined ? {} : { signal };
        await source().createTable(
          table,
          { columns: [{ name: 'probe', type: 'INT64' }], expiresInMs: 3_600_000 },
          signal,
        );
        try {
          await source().query({
            step: 'probe_write',
            sql: `INSERT INTO ${quoted(table)} (probe) VALUES (1)`,
            timeoutMs: 120_000,
            ...withSignal,
          });
          const read = await source().query({
            step: 'probe_read',
            sql: `SELECT probe FROM ${quoted(table)}`,
            timeoutMs: 120_000,
            ...withSignal,
          });
          if (read.rows[0]?.['probe'] !== 1)
            throw new AppError('A row that was written could not be read back.', {
              code: 'PROBE_FAILED',
              kind: 'internal',
              origin: 'source',
            });
        } finally {
          await source().dropTable(table);
        }
        return `A table was created, written, read and dropped in ${stateDataset}.`;
      },
    },
  };

  const results: CheckResult[] = [];
  let blocked: CheckName | undefined;
  for (const check of CHECKS) {
    const { about, probe } = checks[check];
    const base = {
      check,
      resource: about.resource,
      ...(about.permission === undefined ? {} : { permission: about.permission }),
    };
    if (blocked !== undefined) {
      results.push({
        ...base,
        ok: false,
        skipped: true,
        message: `Not checked, because the check "${blocked}" failed.`,
      });
      continue;
    }
    try {
      results.push({ ...base, ok: true, message: await probe() });
    } catch (thrown) {
      signal?.throwIfAborted();
      const denied =
        thrown instanceof AppError && thrown.kind === 'forbidden'
          ? /bigquery\.[a-z]+\.[a-zA-Z]+/.exec(thrown.message)?.[0]
          : undefined;
      const fix = {
        ...about.fix,
        ...(thrown instanceof AppError && thrown.kind !== 'forbidden' && thrown.fix !== undefined
          ? { words: thrown.fix }
          : {}),
      };
      results.push({
        ...base,
        ...(denied === undefined ? {} : { permission: denied }),
        ok: false,
        message: messageOf(thrown),
        fix,
      });
      // A dataset that cannot be seen or created may still be there and usable.
      if (!(check === 'state_dataset' && missing)) blocked = check;
    }
  }
  return hiddenButUsable(results);
}

/** Tables could be made in the state dataset, so it exists: that it cannot be looked at is no failure. */
function hiddenButUsable(results: readonly CheckResult[]): CheckResult[] {
  const usable = results.some((result) => result.check === 'state_tables' && result.ok);
  return results.map((result) => {
    if (result.check !== 'state_dataset' || result.ok || !usable) return result;
    const { fix: _fix, ...rest } = result;
    return {
      ...rest,
      ok: true,
      message: 'The dataset exists; the account may not read its description, and need not.',
    };
  });
}
