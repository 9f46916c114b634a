// The main job from end to end, on real data, in the order in which a team would do it:
// project, data, service account, key, test connection, a model that may not be read yet,
// sharing, first sync, changes, second sync, nothing, and a last look at both ends.
import path from 'node:path';
import type { Operation } from '@sluice/core';
import type { CheckResult, MappingStatus, PlanSummary, Preview, SyncReport } from '@sluice/engine';
import { connectionLines } from '../views/connection.ts';
import { planLines } from '../views/plan.ts';
import { previewLines } from '../views/preview.ts';
import { countOf, figure } from '../views/style.ts';
import type { Style } from '../views/style.ts';
import { statusLines } from '../views/status.ts';
import { syncLines } from '../views/sync.ts';
import { Cloud } from './cloud.ts';
import { errorOf, sluice } from './command.ts';
import type { CommandContext } from './command.ts';
import { differences } from './compare.ts';
import { startLocalBigQuery } from './local-bigquery.ts';
import { mappingOf, models, writeProjectFolder } from './project-folder.ts';
import type { ModelName } from './project-folder.ts';
import { startReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';
import { expectEqual, expectThat } from './steps.ts';
import type { DemoSync, Steps } from './steps.ts';

const project = 'sluice-demo';
const location = 'US';
const owner = 'ana@example.com';

/** The record that the receiver refuses at first. */
const refusedAirport = 'DCA';

/** What the data of vega-datasets 3.2.1 hold; `npm run demo` counts them again each time. */
const expected = { airportRows: 3376, flights: 3_000_000, airports: 229, routes: 3399 } as const;

/** What changes between the first and the second sync, and what each mapping must make of it. */
const statements = [
  { sql: `UPDATE travel.airports SET name = 'Seattle-Tacoma International' WHERE iata = 'SEA'`, rows: 1 },
  { sql: `UPDATE travel.airports SET name = 'Portland International' WHERE iata = 'PDX'`, rows: 1 },
  { sql: `UPDATE travel.flights SET delay = delay + 15 WHERE origin IN ('LWB', 'DRO')`, rows: 120 },
  { sql: `DELETE FROM travel.flights WHERE origin IN ('ACY', 'GST')`, rows: 22 },
  {
    sql: `INSERT INTO travel.flights (delay, distance, origin, destination)
VALUES (0, 129, 'BFI', 'PDX'), (5, 129, 'BFI', 'PDX'), (10, 224, 'BFI', 'GEG')`,
    rows: 3,
  },
] as const;

const changes: Record<ModelName, Record<Operation, number>> = {
  // BFI is new, and DCA comes again because it was refused; SEA, PDX, LWB and DRO differ; ACY and GST are gone.
  airports: { added: 2, updated: 4, deleted: 2 },
  // Two routes from BFI; LWB-CLT and DRO-DFW are later; ACY-JFK and GST-JNU are gone.
  routes: { added: 2, updated: 2, deleted: 2 },
};

export type WalkOptions = {
  /** Empty folder for the server's data and the project. */
  readonly directory: string;
  /** Folder of the data files of vega-datasets. */
  readonly data: string;
  readonly steps: Steps;
  readonly syncs: DemoSync[];
  readonly command: Omit<CommandContext, 'projectDirectory'>;
  readonly style: Style;
};

export type WalkResult = { readonly url: string; readonly projectDirectory: string };

/** Throws at the first step that is not as expected. */
export async function walk(options: WalkOptions): Promise<WalkResult> {
  const { steps, syncs, style } = options;
  const { signal, columns } = options.command;
  const projectDirectory = path.join(options.directory, 'project');
  const dataDir = path.join(options.directory, 'bigquery');
  const context: CommandContext = { ...options.command, projectDirectory };
  const quiet: CommandContext = { ...context, err: () => undefined };
  const width = columns - 6;

  await using stack = new AsyncDisposableStack();
  let url = '';
  let cloud: Cloud | undefined;
  let receiver: Receiver | undefined;
  const api = (): Cloud => {
    expectThat(cloud !== undefined, 'the local BigQuery does not run');
    return cloud;
  };
  const tool = (): Receiver => {
    expectThat(receiver !== undefined, 'the receiver does not run');
    return receiver;
  };

  steps.title('1  A warehouse on this machine');

  await steps.step('Start the local BigQuery', async () => {
    url = stack.use(await startLocalBigQuery(dataDir, signal)).url;
    receiver = stack.use(await startReceiver());
    const answer = await sluice({ ...quiet, projectDirectory: options.directory }, [
      'bigquery',
      'token',
      owner,
      '--data-dir',
      dataDir,
    ]);
    const { token } = answer.document as { token?: string };
    expectThat(token !== undefined, errorOf(answer));
    cloud = new Cloud(url, token, signal);
    return { detail: `It answers at ${url}; ${owner} is signed in. A webhook receiver waits at ${receiver.url}.` };
  });

  await steps.step('Create a project', async () => {
    await api().createProject(project, 'Sluice demo');
    const policy = await api().projectPolicy(project);
    expectEqual(policy.get('roles/owner'), [`user:${owner}`], 'members of roles/owner');
    return { detail: `Project ${project}: its creator ${owner} is Is Owner.` };
  });

  await steps.step('Create the dataset travel', async () => {
    const access = await api().createDataset(project, 'travel', location);
    const roles = access.map(({ role, member }) => `${role} ${member}`);
    for (const entry of ['READER projectReaders', 'WRITER projectWriters', 'OWNER projectOwners'])
      expectThat(roles.includes(entry), `the dataset's default access lacks ${entry}: ${roles.join(', ')}`);
    return { detail: `Data location ${location}. Default access: ${roles.join(', ')}.` };
  });

  await steps.step('Load airports.csv', async () => {
    const rows = await api().load(
      { projectId: project, datasetId: 'travel', tableId: 'airports' },
      path.join(options.data, 'airports.csv'),
      {
        sourceFormat: 'CSV',
        skipLeadingRows: 1,
        schema: {
          fields: [
            ...['iata', 'name', 'city', 'state', 'country'].map((name) => ({ name, type: 'STRING' })),
            ...['latitude', 'longitude'].map((name) => ({ name, type: 'FLOAT' })),
          ],
        },
      },
      location,
    );
    expectEqual(rows, expected.airportRows, 'rows loaded');
    return { detail: `${figure(rows)} airports by a CSV load job.` };
  });

  await steps.step('Load flights-3m.parquet', async () => {
    const rows = await api().load(
      { projectId: project, datasetId: 'travel', tableId: 'flights' },
      path.join(options.data, 'flights-3m.parquet'),
      { sourceFormat: 'PARQUET' },
      location,
    );
    expectEqual(rows, expected.flights, 'rows loaded');
    return { detail: `${figure(rows)} flights by a Parquet load job.` };
  });

  steps.title('2  A source with the least rights');

  let email = '';
  await steps.step('Create a service account with BigQuery User and BigQuery Job User', async () => {
    email = await api().createServiceAccount(project, 'sluice', 'Sluice reverse ETL');
    const roles = ['roles/bigquery.user', 'roles/bigquery.jobUser'];
    await api().grantOnProject(project, `serviceAccount:${email}`, roles);
    const policy = await api().projectPolicy(project);
    for (const role of roles) expectEqual(policy.get(role), [`serviceAccount:${email}`], `members of ${role}`);
    return { detail: `${email} holds ${roles.join(' and ')} on the project, and nothing else.` };
  });

  await steps.step('Download its JSON key and write the project folder', async () => {
    const key = await api().createKey(project, email);
    await writeProjectFolder({
      directory: projectDirectory,
      project,
      location,
      endpoint: url,
      receiverUrl: tool().url,
      key,
    });
    return { detail: `${projectDirectory}: sluice.yaml, models/airports.sql, models/routes.sql, keys/sluice.json.` };
  });

  await steps.step('Test the connection and create the source', async () => {
    const answer = await sluice(context, ['test-connection']);
    const { checks } = answer.document as { checks?: CheckResult[] };
    expectThat(checks !== undefined, errorOf(answer));
    const failed = checks.find((check) => !check.ok);
    expectThat(answer.code === 0 && failed === undefined, `check "${failed?.check}" failed: ${failed?.message}`);
    return {
      detail: `${countOf(checks.length, 'check')} passed; the source "warehouse" is created.`,
      lines: connectionLines('warehouse', checks, style),
    };
  });

  steps.title('3  A model that may not be read, and sharing');

  await steps.step('Preview the model airports: denied', async () => {
    const answer = await sluice(quiet, ['preview', 'airports']);
    const message = errorOf(answer);
    expectThat(answer.code === 1 && /access denied/i.test(message), `the preview should be denied, but: ${message}`);
    expectThat(/travel[.:](airports|flights)/.test(message), `the refusal should name the table: ${message}`);
    return { detail: message };
  });

  await steps.step('Share the dataset travel with the account as READER', async () => {
    const access = await api().shareWithReader(project, 'travel', email);
    expectThat(
      access.some(({ role, member }) => role === 'READER' && member === email),
      'the new access entry is missing',
    );
    return { detail: `READER on the dataset for ${email}.` };
  });

  await steps.step('Preview the model airports again', async () => {
    const answer = await sluice(context, ['preview', 'airports']);
    expectThat(answer.code === 0, errorOf(answer));
    const preview = answer.document as Preview;
    expectEqual(preview.rows.length, 10, 'rows of the preview');
    return {
      detail: `${countOf(preview.rows.length, 'row')} of ${countOf(preview.columns.length, 'column')}.`,
      lines: previewLines('airports', preview, width, style),
    };
  });

  const syncOnce = async (model: ModelName): Promise<SyncReport> => {
    const answer = await sluice(context, ['sync', mappingOf(model)]);
    expectThat(answer.code === 0, errorOf(answer));
    const report = answer.document as SyncReport;
    const sum = (key: 'delivered' | 'rejected'): number =>
      Object.values(report.outcomes).reduce((total, outcome) => total + outcome[key], 0);
    const { added, updated, deleted } = report.plan;
    syncs.push({
      mapping: report.mapping,
      added,
      updated,
      deleted,
      delivered: sum('delivered'),
      rejected: sum('rejected'),
      durationMs: report.durationMs,
    });
    return report;
  };
  const expectSync = (counts: Record<Operation, number>, rejected: number): void => {
    const { added, updated, deleted, delivered, rejected: refused } = syncs.at(-1) ?? {};
    const total = counts.added + counts.updated + counts.deleted;
    expectEqual(
      { added, updated, deleted, delivered, rejected: refused },
      { ...counts, delivered: total - rejected, rejected },
      'changes of the sync',
    );
  };
  const all = (added: number): Record<Operation, number> => ({ added, updated: 0, deleted: 0 });

  steps.title('4  First sync: everything');

  await steps.step('Sync the airports; the receiver refuses one record', async () => {
    tool().refuse('airports', refusedAirport);
    const report = await syncOnce('airports');
    expectSync(all(expected.airports), 1);
    expectEqual(
      report.reasons.flatMap((reason) => reason.sampleIds),
      [refusedAirport],
      'rejected records',
    );
    expectEqual(tool().records('airports').size, expected.airports - 1, 'records at the receiver');
    return {
      detail: `${expected.airports} added, ${expected.airports - 1} delivered, 1 rejected (${refusedAirport}).`,
      lines: syncLines(report, style),
    };
  });

  await steps.step('Sync the routes', async () => {
    const report = await syncOnce('routes');
    expectSync(all(expected.routes), 0);
    expectEqual(tool().records('routes').size, expected.routes, 'records at the receiver');
    return { detail: `${figure(expected.routes)} added and delivered.`, lines: syncLines(report, style) };
  });

  steps.title('5  The data change: only the changes go');

  await steps.step('Update, delete and add rows in the warehouse', async () => {
    for (const { sql, rows } of statements)
      expectEqual((await api().query(project, sql, location)).affected, rows, `rows changed by ${sql}`);
    return {
      detail: `${statements.length} statements of DML.`,
      lines: statements.flatMap(({ sql }) => sql.split('\n')),
    };
  });

  await steps.step('Plan: what would be sent', async () => {
    const before = tool().requests;
    const answer = await sluice(context, ['plan', mappingOf('airports')]);
    expectThat(answer.code === 0, errorOf(answer));
    const plan = answer.document as PlanSummary;
    const { added, updated, deleted } = plan.counts;
    expectEqual({ added, updated, deleted }, changes.airports, 'changes of the plan');
    expectEqual(tool().requests, before, 'requests at the receiver');
    return { detail: 'Nothing was sent.', lines: planLines(plan, width, style) };
  });

  for (const model of ['airports', 'routes'] as const) {
    await steps.step(
      model === 'airports'
        ? 'Second sync of the airports, with the record that was refused'
        : 'Second sync of the routes',
      async () => {
        tool().acceptAll();
        const report = await syncOnce(model);
        expectSync(changes[model], 0);
        if (model === 'airports')
          expectThat(tool().records('airports').has(refusedAirport), `${refusedAirport} did not come again`);
        const { added, updated, deleted } = changes[model];
        return {
          detail: `${added} added, ${updated} updated, ${deleted} deleted, all delivered.`,
          lines: syncLines(report, style),
        };
      },
    );
  }

  steps.title('6  Nothing changed: nothing goes');

  for (const model of ['airports', 'routes'] as const) {
    await steps.step(`Third sync of the ${model}`, async () => {
      const before = tool().requests;
      const report = await syncOnce(model);
      expectSync(all(0), 0);
      expectEqual(tool().requests, before, 'requests at the receiver');
      return { detail: 'No change, no request.', lines: syncLines(report, style) };
    });
  }

  await steps.step('Compare the receiver with the models', async () => {
    for (const model of ['airports', 'routes'] as const) {
      const { rows } = await api().query(project, `SELECT TO_JSON_STRING(m) FROM (\n${models[model]}) AS m`, location);
      const different = differences(rows, model === 'airports' ? 'iata' : 'route', tool().records(model));
      expectThat(different.length === 0, `${model} differ: ${different.slice(0, 5).join('; ')}`);
    }
    return {
      detail: `${figure(tool().records('airports').size)} airports and ${figure(tool().records('routes').size)} routes, equal in every field.`,
    };
  });

  await steps.step('Status', async () => {
    const answer = await sluice(context, ['status']);
    expectThat(answer.code === 0, errorOf(answer));
    const { mappings } = answer.document as { mappings: MappingStatus[] };
    expectEqual(
      mappings.map((status) => [status.mapping, status.state, status.records]),
      [
        [mappingOf('airports'), 'idle', tool().records('airports').size],
        [mappingOf('routes'), 'idle', tool().records('routes').size],
      ],
      'status of the mappings',
    );
    return {
      detail: 'Both mappings are idle; the state equals what the receiver has.',
      lines: statusLines(mappings, 'last', width, style),
    };
  });

  return { url, projectDirectory };
}
