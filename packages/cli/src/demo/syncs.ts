// Last chapters of the walk: everything, then only the changes, then nothing, and a look at
// both ends.
import type { Operation } from '@sluice/core';
import type { MappingStatus, PlanSummary, SyncReport } from '@sluice/engine';
import { planLines } from '../views/plan.ts';
import { figure } from '../views/style.ts';
import { statusLines } from '../views/status.ts';
import { syncLines } from '../views/sync.ts';
import { errorOf, sluice } from './command.ts';
import { differences } from './compare.ts';
import { changes, location, project, records, refusedAirport, statements } from './expectation.ts';
import { mappingOf, models } from './project-folder.ts';
import type { ModelName } from './project-folder.ts';
import type { ChapterOptions } from './source.ts';
import { expectEqual, expectThat } from './steps.ts';
import type { DemoSync } from './steps.ts';

const modelNames = ['airports', 'routes'] as const;

export async function syncChanges(options: ChapterOptions, syncs: DemoSync[]): Promise<void> {
  const { warehouse, steps, context, style, width } = options;
  const { cloud, receiver } = warehouse;

  /** Runs one sync and compares what it did with what it should have done. */
  const sync = async (model: ModelName, counts: Record<Operation, number>, rejected: number): Promise<SyncReport> => {
    const answer = await sluice(context, ['sync', mappingOf(model)]);
    expectThat(answer.code === 0, errorOf(answer));
    const report = answer.document as SyncReport;
    const found = summaryOf(report);
    syncs.push(found);
    const delivered = counts.added + counts.updated + counts.deleted - rejected;
    const { mapping, durationMs } = found;
    expectEqual(found, { mapping, ...counts, delivered, rejected, durationMs }, 'the sync');
    return report;
  };

  steps.title('4  First sync: everything');

  await steps.step('Sync the airports; the receiver refuses one record', async () => {
    receiver.refuse('airports', refusedAirport);
    const report = await sync('airports', { added: records.airports, updated: 0, deleted: 0 }, 1);
    const rejected = report.reasons.flatMap((reason) => reason.sampleIds);
    expectEqual(rejected, [refusedAirport], 'rejected records');
    expectEqual(receiver.records('airports').size, records.airports - 1, 'records at the receiver');
    return {
      detail: `${records.airports} added, ${records.airports - 1} delivered, 1 rejected (${refusedAirport}).`,
      lines: syncLines(report, style),
    };
  });

  await steps.step('Sync the routes', async () => {
    const report = await sync('routes', { added: records.routes, updated: 0, deleted: 0 }, 0);
    expectEqual(receiver.records('routes').size, records.routes, 'records at the receiver');
    return { detail: `${figure(records.routes)} added and delivered.`, lines: syncLines(report, style) };
  });

  steps.title('5  The data change: only the changes go');

  await steps.step('Update, delete and add rows in the warehouse', async () => {
    for (const { sql, rows } of statements) {
      const { affected } = await cloud.query(project, sql, location);
      expectEqual(affected, rows, `rows changed by ${sql}`);
    }
    return { detail: `${statements.length} statements`, lines: statements.flatMap(({ sql }) => sql.split('\n')) };
  });

  await steps.step('Plan: what would be sent', async () => {
    const before = receiver.requests;
    const answer = await sluice(context, ['plan', mappingOf('airports')]);
    expectThat(answer.code === 0, errorOf(answer));
    const plan = answer.document as PlanSummary;
    const { added, updated, deleted } = plan.counts;
    expectEqual({ added, updated, deleted }, changes.airports, 'changes of the plan');
    expectEqual(receiver.requests, before, 'requests at the receiver');
    return { detail: 'Nothing was sent.', lines: planLines(plan, width, style) };
  });

  receiver.acceptAll();
  for (const model of modelNames) {
    await steps.step(`Second sync of the ${model}`, async () => {
      const report = await sync(model, changes[model], 0);
      const { added, updated, deleted } = changes[model];
      const detail = `${added} added, ${updated} updated, ${deleted} deleted, all delivered`;
      if (model === 'routes') return { detail: `${detail}.`, lines: syncLines(report, style) };
      expectThat(receiver.records('airports').has(refusedAirport), `${refusedAirport} did not come again`);
      return { detail: `${detail}; ${refusedAirport} is among them.`, lines: syncLines(report, style) };
    });
  }

  steps.title('6  Nothing changed: nothing goes');

  for (const model of modelNames) {
    await steps.step(`Third sync of the ${model}`, async () => {
      const before = receiver.requests;
      const report = await sync(model, { added: 0, updated: 0, deleted: 0 }, 0);
      expectEqual(receiver.requests, before, 'requests at the receiver');
      return { detail: 'No change, no request.', lines: syncLines(report, style) };
    });
  }

  await steps.step('Compare the receiver with the models', async () => {
    for (const model of modelNames) {
      const sql = `SELECT TO_JSON_STRING(m) FROM (\n${models[model]}) AS m`;
      const { rows } = await cloud.query(project, sql, location);
      const different = differences(rows, model === 'airports' ? 'iata' : 'route', receiver.records(model));
      expectThat(different.length === 0, `${model} differ: ${different.slice(0, 5).join('; ')}`);
    }
    const [airports, routes] = modelNames.map((model) => figure(receiver.records(model).size));
    return { detail: `${airports} airports and ${routes} routes, equal in every field.` };
  });

  await steps.step('Status', async () => {
    const answer = await sluice(context, ['status']);
    expectThat(answer.code === 0, errorOf(answer));
    const { mappings } = answer.document as { mappings: MappingStatus[] };
    expectEqual(
      mappings.map((status) => [status.mapping, status.state, status.records]),
      modelNames.map((model) => [mappingOf(model), 'idle', receiver.records(model).size]),
      'status of the mappings',
    );
    return {
      detail: 'Both mappings are idle; the state holds as many records as the receiver.',
      lines: statusLines(mappings, 'last', width, style),
    };
  });
}

function summaryOf(report: SyncReport): DemoSync {
  const sum = (key: 'delivered' | 'rejected'): number =>
    Object.values(report.outcomes).reduce((total, outcome) => total + outcome[key], 0);
  const { added, updated, deleted } = report.plan;
  return {
    mapping: report.mapping,
    added,
    updated,
    deleted,
    delivered: sum('delivered'),
    rejected: sum('rejected'),
    durationMs: report.durationMs,
  };
}
