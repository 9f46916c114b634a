import { AppError } from '@sluice/core';
import type { CheckResult, MappingStatus, PlanSummary, SyncReport } from '@sluice/engine';
import { describe, expect, it } from 'vitest';
import { configError } from '../config/problem.ts';
import { connectionLines } from './connection.ts';
import { errorLines } from './error.ts';
import { errorDocument } from './json.ts';
import { planLines } from './plan.ts';
import { previewLines } from './preview.ts';
import { progressText, progressView } from './progress.ts';
import { PLAIN, printable, styleFor, widthOf } from './style.ts';
import { statusLines } from './status.ts';
import { syncLines } from './sync.ts';
import { table } from './table.ts';

const counts = { added: 0, updated: 0, deleted: 0, unchanged: 0, invalid: 0, quarantined: 0 };
const outcomes = { delivered: 0, rejected: 0, deferred: 0, skipped: 0 };

const report: SyncReport = {
  syncId: 's1',
  mapping: 'm',
  model: 'airports',
  destination: 'receiver',
  state: 'partially_succeeded',
  kind: 'sync',
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:02.000Z',
  durationMs: 2000,
  plan: { ...counts, added: 229, invalid: 1 },
  outcomes: { added: { ...outcomes, delivered: 228, rejected: 1 }, updated: outcomes, deleted: outcomes },
  invalid: [{ reason: 'duplicate_identifier', rows: 2, sampleIds: ['X\u001b[31m'] }],
  reasons: [{ outcome: 'rejected', code: 'HTTP_422', message: 'no such airport', count: 1, sampleIds: ['DCA'] }],
  guards: [],
  bytesProcessed: 1_234_567,
  phases: [{ phase: 'planning', durationMs: 900 }],
  resumed: false,
};

describe('a table', () => {
  it('is aligned, numbers to the right, wide characters counted as two cells', () => {
    const lines = table(
      [{ title: 'name' }, { title: 'n', align: 'right' }],
      [
        ['東京', '5'],
        ['Oslo', '1234'],
      ],
      80,
      PLAIN,
    );
    expect(lines).toEqual(['name     n', '────  ────', '東京     5', 'Oslo  1234']);
  });

  it('never exceeds the width, cuts the widest cells first and names the columns that do not fit', () => {
    const columns = ['id', 'long', 'a', 'b', 'c'].map((title) => ({ title }));
    const rows = [['1', 'x'.repeat(200), 'yyyy', 'zzzz', 'wwww']];
    for (const width of [20, 30, 60, 100]) {
      for (const line of table(columns, rows, width, PLAIN)) expect(widthOf(line)).toBeLessThanOrEqual(width);
    }
    expect(table(columns, rows, 16, PLAIN).at(-1)).toMatch(/^… and \d more:/);
  });
});

describe('a preview', () => {
  const preview = (columns: number) => ({
    columns: Array.from({ length: columns }, (_, index) => ({ name: `column_${index}`, type: 'STRING' })),
    rows: [0, 1].map((row) =>
      Object.fromEntries(
        Array.from({ length: columns }, (_, index) => [
          `column_${index}`,
          `value ${row} of ${index} ${'x'.repeat(30)}`,
        ]),
      ),
    ),
    bytesProcessed: 0,
    cached: false,
  });

  it('is a table while its columns stay readable', () => {
    expect(previewLines('m', preview(4), 80, PLAIN)[0]).toMatch(/^column_0 +column_1 +column_2 +column_3/);
  });

  it('of many columns has one line per value, none wider than the terminal', () => {
    const lines = previewLines('m', preview(18), 80, PLAIN);
    expect(lines.filter((line) => line.startsWith('── row'))).toHaveLength(2);
    expect(lines.find((line) => line.startsWith('column_17'))).toBe(`column_17  value 0 of 17 ${'x'.repeat(30)}`);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(80);
  });
});

it('no value can send control sequences to the terminal', () => {
  expect(printable('a\u001b[2Jb\nc\td\u202e')).toBe('a\\u001b[2Jb\\nc\\td\\u202e');
  expect(syncLines(report, PLAIN).join('\n')).not.toContain('\u001b');
});

it('colours only a terminal, and not when NO_COLOR is set', () => {
  expect(styleFor(true, {}).good('x')).not.toBe('x');
  expect(styleFor(true, { NO_COLOR: '1' }).good('x')).toBe('x');
  expect(styleFor(false, {}).good('x')).toBe('x');
});

it('a failed check shows the permission, the resource and the fix as words and a command', () => {
  const checks: CheckResult[] = [
    { check: 'key', ok: true, message: 'the key is valid' },
    {
      check: 'jobs',
      ok: false,
      permission: 'bigquery.jobs.create',
      resource: 'projects/p',
      message: 'denied',
      fix: { words: 'Grant BigQuery Job User.', command: 'gcloud projects add-iam-policy-binding p' },
    },
    { check: 'location', ok: false, skipped: true, message: 'not checked' },
  ];
  const text = connectionLines('warehouse', checks, PLAIN).join('\n');
  expect(text).toContain('✓ Key ');
  expect(text).toMatch(/✗ Run jobs\s+denied/);
  expect(text).toContain('permission bigquery.jobs.create on projects/p');
  expect(text).toContain('fix: Grant BigQuery Job User.');
  expect(text).toContain('gcloud projects add-iam-policy-binding p');
  expect(text).toContain('is not ready: 1 of 3 checks failed');
});

it('what is missing in all is told once with each way to grant it, and what is useful only is marked', () => {
  const checks: CheckResult[] = [
    { check: 'state_write', ok: false, denied: true, message: 'denied' },
    {
      check: 'state_drop',
      ok: true,
      optional: true,
      permission: 'bigquery.tables.delete',
      resource: 'projects/p/datasets/d',
      message: 'Not needed: old plans stay.',
      fix: { words: 'Grant Data Editor.', command: 'GRANT' },
    },
  ];
  const needed = ['bigquery.tables.updateData', 'bigquery.tables.getData'].map((permission) => ({
    permission,
    resource: 'projects/p/datasets/d',
  }));
  const ways = [
    { words: 'With predefined roles:', commands: ['bq query A', 'gcloud B'] },
    { words: 'With a custom role.', commands: ['gcloud C'] },
  ];
  const lines = connectionLines('warehouse', checks, PLAIN, { needed, ways });
  expect(lines.join('\n')).toMatch(
    /! Drop tables\s+Not needed: old plans stay\.\n\s+permission bigquery\.tables\.delete on/,
  );
  expect(lines.slice(lines.indexOf('Missing in all:'))).toEqual([
    'Missing in all:',
    '  bigquery.tables.updateData on projects/p/datasets/d',
    '  bigquery.tables.getData on projects/p/datasets/d',
    '',
    'With predefined roles:',
    '  bq query A',
    '  gcloud B',
    '',
    'With a custom role.',
    '  gcloud C',
    '',
    'Source "warehouse" is not ready: 1 of 2 checks failed.',
  ]);
});

it('a plan shows counts with symbols, old and new values where known, and what was set aside', () => {
  const plan: PlanSummary = {
    mapping: 'm',
    model: 'airports',
    columns: [{ name: 'iata', type: 'STRING' }],
    counts: { ...counts, added: 7, updated: 1, deleted: 1, unchanged: 1220, quarantined: 1 },
    sample: [
      { operation: 'added', recordId: 'BFI', columns: { iata: 'BFI', name: 'Boeing Field' }, sent: true },
      {
        operation: 'updated',
        recordId: 'LWB',
        columns: { iata: 'LWB', delay: 5 },
        previous: { iata: 'LWB', delay: 3 },
        sent: true,
      },
      { operation: 'deleted', recordId: 'ACY', columns: { iata: null }, sent: false },
    ],
    invalid: [{ reason: 'null_identifier', rows: 3, sampleIds: [] }],
    guards: [{ guard: 'deleted_share', message: '60 % would be deleted', figures: { deleted: 60 } }],
    bytesProcessed: 10,
    bytesEstimated: 8,
    warnings: [{ path: 'fields', message: 'no identifier', fix: 'Map it.' }],
  };
  const text = planLines(plan, 100, PLAIN).join('\n');
  expect(text).toContain('+ 7 added   ~ 1 updated   − 1 deleted   = 1,220 unchanged');
  expect(text).toContain('+ BFI  iata=BFI  name=Boeing Field');
  expect(text).toContain('… and 6 more added');
  expect(text).toContain('~ LWB\n    delay: 3 → 5');
  expect(text).not.toContain('iata: LWB');
  expect(text).toContain('− ACY  (not sent by this mapping)');
  expect(text).toContain('3 rows set aside, never sent: a NULL identifier');
  expect(text).toContain('a sync would stop: 60 % would be deleted');
  expect(text).toContain('! fields: no identifier\n  fix: Map it.');
});

it('a report groups reasons with their records and tells what to do when it is blocked', () => {
  const text = syncLines(report, PLAIN).join('\n');
  expect(text).toContain('partially succeeded in 2.0 s');
  expect(text).toMatch(/\+ 229 added\s+228 delivered, 1 rejected/);
  expect(text).toContain('rejected 1× HTTP_422: no such airport\n    records: DCA');
  expect(text).toContain('1.2 MB processed');
  expect(syncLines({ ...report, state: 'blocked' }, PLAIN).join('\n')).toContain('sluice sync m --approve s1');
  const failed = syncLines(
    {
      ...report,
      state: 'failed',
      error: { code: 'X', message: 'the receiver is down', where: 'destination receiver', fix: 'Start it.' },
    },
    PLAIN,
  ).join('\n');
  expect(failed).toContain('error: the receiver is down\n    at destination receiver\n    fix: Start it.');
});

it('a failed sync says each thing once, and names records only where there are any', () => {
  const failed = syncLines(
    {
      ...report,
      state: 'failed',
      message: 'the receiver is down',
      error: { code: 'X', message: 'the receiver is down' },
      reasons: [{ outcome: 'deferred', code: 'NOT_TRIED', message: 'the sync ended before', count: 3, sampleIds: [] }],
    },
    PLAIN,
  ).join('\n');
  expect(failed.match(/the receiver is down/g)).toHaveLength(1);
  expect(failed).not.toContain('records:');
});

it('status shows the last sync per mapping, or the history of one', () => {
  const status: MappingStatus = {
    mapping: 'm',
    state: 'idle',
    records: 228,
    rejects: { waiting: 1, quarantined: 0 },
    history: [
      {
        syncId: 's1',
        state: 'succeeded',
        kind: 'sync',
        startedAt: '2026-01-01T00:00:00Z',
        finishedAt: '2026-01-01T00:00:02Z',
        added: 229,
        updated: 0,
        deleted: 0,
        delivered: 228,
        rejected: 1,
        deferred: 0,
        invalid: 0,
      },
    ],
  };
  const last = statusLines([status, { ...status, mapping: 'n', state: 'new', history: [] }], 'last', 100, PLAIN).join(
    '\n',
  );
  expect(last).toContain('228 records at the destination, 1 rejected record to be tried again');
  expect(last).toContain('last sync 2026-01-01T00:00:02Z: succeeded, + 229 ~ 0 − 0, 228 delivered, 1 rejected');
  expect(last).toContain('n  never synced');
  expect(statusLines([status], 'history', 100, PLAIN).join('\n')).toMatch(
    /finished \(UTC\)\s+state\s+\+\s+~\s+−\s+delivered/,
  );
});

it('the history of a mapping fits 80 columns, without columns that are zero throughout', () => {
  const counted = {
    startedAt: '2026-11-21T21:00:00Z',
    finishedAt: '2026-11-21T21:00:02.123Z',
    added: 570_842,
    updated: 570_842,
    deleted: 570_842,
    delivered: 570_842,
    deferred: 0,
    invalid: 0,
  };
  const status: MappingStatus = {
    mapping: 'm',
    state: 'idle',
    records: 1,
    rejects: { waiting: 0, quarantined: 0 },
    history: [{ ...counted, syncId: 's', kind: 'sync', state: 'partially_succeeded', rejected: 1234 }],
  };
  const text = statusLines([status], 'history', 80, PLAIN).join('\n');
  expect(text).toMatch(/2026-11-21 21:00:02 +partial +570,842 +570,842 +570,842 +570,842 +1,234$/);
  expect(text).toContain('rejected');
  expect(text).not.toMatch(/deferred|invalid|…/);
});

it('what is wrong with an entry stands below the state of its mapping', () => {
  const status: MappingStatus = {
    mapping: 'm',
    state: 'new',
    records: 0,
    rejects: { waiting: 0, quarantined: 0 },
    history: [],
  };
  const problems = [{ code: 'UNKNOWN_MODEL', message: 'no such model', where: 'sluice.yaml:3:5', fix: 'Name one.' }];
  expect(statusLines([{ ...status, problems }], 'last', 80, PLAIN)).toEqual([
    'm  never synced',
    '  ! no such model',
    '    at sluice.yaml:3:5',
    '    fix: Name one.',
  ]);
});

describe('progress', () => {
  const step = {
    syncId: 's',
    phase: 'delivering',
    state: 'delivering',
    total: 1000,
    done: 250,
    delivered: 249,
    rejected: 1,
    deferred: 0,
    bytesProcessed: 0,
  } as const;

  it('tells phase, share, rate and time', () => {
    expect(progressText(step, 3000, 125)).toBe('delivering  250/1,000 (25 %)  125 rows/s  1 rejected  3.0 s');
  });

  it('says for whom it waits when an answer is slow or a try failed', () => {
    const waiting = { destination: 'receiver', waitingMs: 12_000, attempt: 1, attempts: 6 };
    expect(progressText({ ...step, waiting }, 13_000, 0)).toMatch(/13\.0 s  waiting for receiver 12\.0 s$/);
    expect(progressText({ ...step, waiting: { ...waiting, attempt: 2, code: 'TIMEOUT' } }, 13_000, 0)).toMatch(
      /waiting for receiver 12\.0 s \(try 2 of 6 after TIMEOUT\)$/,
    );
    expect(progressText({ ...step, waiting: { ...waiting, waitingMs: 100 } }, 13_000, 0)).not.toContain('waiting');
  });

  it('redraws one line on a terminal and leaves it clean', () => {
    const written: string[] = [];
    const view = progressView({ write: (text) => written.push(text), isTerminal: true, columns: 30, now: () => 0 });
    view.update(step);
    view.end();
    expect(written[0]?.startsWith('\r\u001b[2Kdelivering')).toBe(true);
    expect(widthOf(written[0] ?? '')).toBeLessThan(31);
    expect(written.at(-1)).toBe('\r\u001b[2K');
  });

  it('writes plain lines elsewhere: one per phase, then one every few seconds', () => {
    const written: string[] = [];
    let now = 0;
    const view = progressView({ write: (text) => written.push(text), isTerminal: false, columns: 80, now: () => now });
    for (now = 0; now < 12_000; now += 100) view.update(step);
    view.update({ ...step, phase: 'committing' });
    view.end();
    expect(written).toHaveLength(4);
    expect(written.join('')).not.toContain('\u001b');
  });
});

it('an error names the thing, the place and the fix, for people and as JSON', () => {
  const error = new AppError('no table', {
    code: 'NOT_FOUND',
    kind: 'not_found',
    where: 'models/a.sql:1:2',
    fix: 'Create it.',
  });
  expect(errorLines(error, PLAIN)).toEqual(['error: no table', '  at models/a.sql:1:2', '  fix: Create it.']);
  expect(errorDocument(error)).toEqual({
    error: { code: 'NOT_FOUND', kind: 'not_found', message: 'no table', where: 'models/a.sql:1:2', fix: 'Create it.' },
  });
  const problem = { code: 'A', message: 'a', where: 'x:1:1', fix: 'f' };
  expect(errorLines(configError([problem, { ...problem, message: 'b' }]), PLAIN).join('\n')).toContain(
    '  b\n    at x:1:1\n    fix: f',
  );
  expect(errorDocument(configError([problem, problem]))).toMatchObject({ error: { problems: [problem, problem] } });
});
