// Second and third chapter of the walk: a service account with the documented roles, its
// key, the source, and a model that it may read only after the dataset is shared with it.
import type { CheckResult, Preview } from '@sluice/engine';
import { connectionLines } from '../views/connection.ts';
import { previewLines } from '../views/preview.ts';
import { countOf } from '../views/style.ts';
import type { Style } from '../views/style.ts';
import { errorOf, sluice } from './command.ts';
import type { CommandContext } from './command.ts';
import { location, project } from './expectation.ts';
import { writeProjectFolder } from './project-folder.ts';
import { expectEqual, expectThat } from './steps.ts';
import type { Steps } from './steps.ts';
import type { Warehouse } from './warehouse.ts';

export type ChapterOptions = {
  readonly warehouse: Warehouse;
  readonly steps: Steps;
  readonly context: CommandContext;
  readonly style: Style;
  /** Cells that the lines under a step may take. */
  readonly width: number;
};

/** The e-mail address of the source's service account. */
export async function createSource({ warehouse, steps, context, style }: ChapterOptions): Promise<string> {
  const { cloud, receiver, url } = warehouse;
  steps.title('2  A source with the documented rights');

  const email = await steps.produce('Create a service account with BigQuery User and BigQuery Job User', async () => {
    const created = await cloud.createServiceAccount(project, 'sluice', 'Sluice reverse ETL');
    const roles = ['roles/bigquery.user', 'roles/bigquery.jobUser'];
    await cloud.grantOnProject(project, `serviceAccount:${created}`, roles);
    const policy = await cloud.projectPolicy(project);
    for (const role of roles) expectEqual(policy.get(role), [`serviceAccount:${created}`], `members of ${role}`);
    return { value: created, detail: `${created} holds ${roles.join(' and ')} on the project, and nothing else.` };
  });

  await steps.step('Download its JSON key and write the project folder', async () => {
    const key = await cloud.createKey(project, email);
    const directory = context.projectDirectory;
    await writeProjectFolder({ directory, project, location, endpoint: url, receiverUrl: receiver.url, key });
    return { detail: `${directory}: sluice.yaml, models/airports.sql, models/routes.sql, keys/sluice.json.` };
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

  return email;
}

export async function shareData(
  { warehouse, steps, context, style, width }: ChapterOptions,
  email: string,
): Promise<void> {
  steps.title('3  A model that may not be read, and sharing');

  await steps.step('Preview the model airports: denied', async () => {
    const answer = await sluice({ ...context, err: () => undefined }, ['preview', 'airports']);
    const message = errorOf(answer);
    const denied = answer.code === 1 && /access denied/i.test(message);
    expectThat(denied, `the preview should be denied, but: ${message}`);
    expectThat(/travel[.:](airports|flights)/.test(message), `the refusal should name the table: ${message}`);
    return { detail: message };
  });

  await steps.step('Share the dataset travel with the account as READER', async () => {
    const access = await warehouse.cloud.shareWithReader(project, 'travel', email);
    const shared = access.some(({ role, member }) => role === 'READER' && member === email);
    expectThat(shared, 'the new access entry is missing');
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
}
