// How many decisions one core makes: a dataset with 1,000 access entries in a project with
// 1,000 bindings, asked by people whom the first entry, the last entry, a binding, a group or
// nothing at all lets in. The reference is one lookup in a plain Map per decision.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { createAccessControl, type DecisionSink } from '../../../packages/bigquery-local/src/access/access-control.ts';
import type { Principal, Resource } from '../../../packages/bigquery-local/src/access/decision.ts';
import type { PolicyReader } from '../../../packages/bigquery-local/src/access/policy.ts';
import { PREDEFINED_ROLES } from '../../../packages/bigquery-local/src/access/roles.ts';
import { AuditLog } from '../../../packages/bigquery-local/src/audit/audit-log.ts';
import { CatalogDatabase } from '../../../packages/bigquery-local/src/catalog/database.ts';
import { silentLog } from '../../../packages/bigquery-local/src/rest/server-log.ts';
import type { Measurement, Suite } from '../suite.ts';

const ENTRIES = 1_000;
const AIM_PER_SECOND = 100_000;
const ROUNDS = 5;
const DECISIONS = 200_000;
/** Between two flushes of the audit log, so that none is dropped. */
const AUDITED_AT_ONCE = 40_000;

type Question = readonly [Principal, string, Resource];

export const accessSuite: Suite = {
  description: `access decisions with ${ENTRIES} dataset entries and ${ENTRIES} project bindings: ${AIM_PER_SECOND} per second on one core`,
  async *run(log) {
    const questions = questionsOf();
    log('decisions alone');
    const control = createAccessControl(reader());
    yield measurement('decide', await bestRate(questions, (question) => control.decide(...question).allowed));

    log('decisions as the server makes them: audited, and never older than the catalog file');
    const dir = await mkdtemp(path.join(os.tmpdir(), 'sluice-bench-'));
    await using cleanUp = new AsyncDisposableStack();
    cleanUp.defer(() => rm(dir, { recursive: true, force: true }));
    const db = cleanUp.use(new CatalogDatabase(path.join(dir, 'catalog.sqlite'), []));
    const audit = cleanUp.use(new AuditLog({ write: () => Promise.resolve() }, { log: silentLog, clock: Date.now }));
    const sink: DecisionSink = (...decided) => audit.record(...decided);
    const audited = createAccessControl({ ...reader(), refresh: () => db.refresh() }, { sink });
    yield measurement(
      'decide-refresh-and-audit',
      await bestRate(
        questions,
        (question) => audited.decide(...question).allowed,
        () => audit.flush(),
      ),
    );
  },
};

function measurement(name: string, { ours, reference }: { ours: number; reference: number }): Measurement {
  return {
    case: name,
    ours: { decisionsPerSecond: Math.round(ours) },
    reference: { lookupsPerSecond: Math.round(reference) },
    ratio: ours / reference,
    aim: `at least ${AIM_PER_SECOND} decisions per second`,
    ok: ours >= AIM_PER_SECOND,
  };
}

/** The best of several rounds, ours and the reference in turn. */
async function bestRate(
  questions: readonly Question[],
  decide: (question: Question) => boolean,
  pause: () => Promise<void> = () => Promise.resolve(),
): Promise<{ ours: number; reference: number }> {
  const answers = new Map(questions.map((question) => [question[0].email + question[1], decide(question)]));
  const lookUp = (question: Question): boolean => answers.get(question[0].email + question[1])!;
  let ours = 0;
  let reference = 0;
  for (let round = 0; round < ROUNDS; round++) {
    ours = Math.max(ours, await rate(questions, decide, pause));
    reference = Math.max(reference, await rate(questions, lookUp, () => Promise.resolve()));
  }
  return { ours, reference };
}

async function rate(
  questions: readonly Question[],
  ask: (question: Question) => boolean,
  pause: () => Promise<void>,
): Promise<number> {
  let seconds = 0;
  let allowed = 0;
  for (let done = 0; done < DECISIONS; done += AUDITED_AT_ONCE) {
    const start = performance.now();
    for (let i = 0; i < AUDITED_AT_ONCE; i++) if (ask(questions[i % questions.length]!)) allowed++;
    seconds += (performance.now() - start) / 1000;
    await pause();
  }
  if (allowed === 0 || allowed === DECISIONS) throw new Error('The questions must have both answers.');
  return DECISIONS / seconds;
}

const PROJECT = 'bench-project';

function reader(): PolicyReader {
  const roles = [...PREDEFINED_ROLES.keys()].filter((role) => role.startsWith('roles/bigquery.'));
  const bindings = Array.from({ length: ENTRIES }, (_, i) => ({
    role: roles[i % roles.length]!,
    members: [`user:b${i}@example.com`],
  }));
  const access = [
    ...Array.from({ length: ENTRIES - 3 }, (_, i) => ({
      role: ['READER', 'WRITER', 'OWNER'][i % 3]!,
      userByEmail: `d${i}@example.com`,
    })),
    { role: 'READER', specialGroup: 'projectReaders' },
    { role: 'WRITER', specialGroup: 'projectWriters' },
    { role: 'READER', groupByEmail: 'group@example.com' },
  ];
  const policy = { bindings };
  const dataset = { access };
  return {
    projectPolicy: () => policy,
    datasetAccess: () => dataset,
    customRole: () => undefined,
    groupsOf: (email) => (email.startsWith('g') ? ['group@example.com', 'other@example.com'] : []),
  };
}

function questionsOf(): Question[] {
  const table: Resource = { kind: 'table', projectId: PROJECT, datasetId: 'ds', tableId: 't' };
  const people = ['d0', `d${ENTRIES - 4}`, 'b0', `b${ENTRIES - 1}`, 'g1', 'nobody'];
  const permissions = ['bigquery.tables.getData', 'bigquery.tables.updateData', 'bigquery.tables.setIamPolicy'];
  return people.flatMap((name) =>
    permissions.map((permission): Question => [{ kind: 'user', email: `${name}@example.com` }, permission, table]),
  );
}
