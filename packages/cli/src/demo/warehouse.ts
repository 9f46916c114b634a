// First chapter of the walk: a project with data in the local BigQuery.
import path from 'node:path';
import { figure } from '../views/style.ts';
import { Cloud } from './cloud.ts';
import { errorOf, sluice } from './command.ts';
import type { CommandContext } from './command.ts';
import { location, owner, project, rowsLoaded } from './expectation.ts';
import { startLocalBigQuery } from './local-bigquery.ts';
import { startReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';
import { expectEqual, expectThat } from './steps.ts';
import type { Steps } from './steps.ts';

export type Warehouse = {
  readonly url: string;
  /** The project's owner, signed in. */
  readonly cloud: Cloud;
  readonly receiver: Receiver;
};

export type WarehouseOptions = {
  readonly dataDir: string;
  /** Folder of the data files of vega-datasets. */
  readonly data: string;
  readonly steps: Steps;
  readonly context: CommandContext;
  /** Ends what is started here. */
  readonly stack: AsyncDisposableStack;
};

export async function openWarehouse({ dataDir, data, steps, context, stack }: WarehouseOptions): Promise<Warehouse> {
  steps.title('1  A warehouse on this machine');

  const warehouse = await steps.produce('Start the local BigQuery', async () => {
    const { url } = stack.use(await startLocalBigQuery(dataDir, context.signal));
    const receiver = stack.use(await startReceiver());
    const answer = await sluice(context, ['bigquery', 'token', owner, '--data-dir', dataDir]);
    const { token } = answer.document as { token?: string };
    expectThat(token !== undefined, errorOf(answer));
    return {
      value: { url, receiver, cloud: new Cloud(url, token, context.signal) },
      detail: `It answers at ${url}; ${owner} is signed in. A webhook receiver waits at ${receiver.url}.`,
    };
  });
  const { cloud } = warehouse;

  await steps.step('Create a project', async () => {
    await cloud.createProject(project, 'Sluice demo');
    const policy = await cloud.projectPolicy(project);
    expectEqual(policy.get('roles/owner'), [`user:${owner}`], 'members of roles/owner');
    return { detail: `Project ${project}: its creator ${owner} is Is Owner.` };
  });

  await steps.step('Create the dataset travel', async () => {
    const access = await cloud.createDataset(project, 'travel', location);
    const entries = access.map(({ role, member }) => `${role} ${member}`);
    for (const entry of ['READER projectReaders', 'WRITER projectWriters', 'OWNER projectOwners'])
      expectThat(entries.includes(entry), `the dataset's default access lacks ${entry}: ${entries.join(', ')}`);
    return { detail: `Data location ${location}. Default access: ${entries.join(', ')}.` };
  });

  await steps.step('Load airports.csv', async () => {
    const fields = [
      ...['iata', 'name', 'city', 'state', 'country'].map((name) => ({ name, type: 'STRING' })),
      ...['latitude', 'longitude'].map((name) => ({ name, type: 'FLOAT' })),
    ];
    const table = { projectId: project, datasetId: 'travel', tableId: 'airports' };
    const options = { sourceFormat: 'CSV', skipLeadingRows: 1, schema: { fields } };
    const rows = await cloud.load(table, path.join(data, 'airports.csv'), options, location);
    expectEqual(rows, rowsLoaded.airports, 'rows loaded');
    return { detail: `${figure(rows)} airports by a CSV load job.` };
  });

  await steps.step('Load flights-3m.parquet', async () => {
    const table = { projectId: project, datasetId: 'travel', tableId: 'flights' };
    const file = path.join(data, 'flights-3m.parquet');
    const rows = await cloud.load(table, file, { sourceFormat: 'PARQUET' }, location);
    expectEqual(rows, rowsLoaded.flights, 'rows loaded');
    return { detail: `${figure(rows)} flights by a Parquet load job.` };
  });

  return warehouse;
}
