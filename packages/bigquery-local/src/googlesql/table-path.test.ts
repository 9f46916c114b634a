import { describe, expect, it } from 'vitest';

import type { AnalyzeRequest } from './statement.ts';
import { splitPath, targetDataset, targetTable } from './table-path.ts';

const request: AnalyzeRequest = {
  sql: '',
  lookup: { table: () => Promise.reject(new Error('not asked')) },
  defaultProject: 'p',
  sessionUser: 'u',
};

describe('splitPath', () => {
  it('takes quoted parts apart, and leaves dots to the project', () => {
    expect(splitPath(['p.d.t'])).toEqual(['p', 'd', 't']);
    expect(splitPath(['my-p', 'd.t'])).toEqual(['my-p', 'd', 't']);
    expect(splitPath(['example.com:p.d.t'])).toEqual(['example.com:p', 'd', 't']);
  });

  it('refuses INFORMATION_SCHEMA by name', () => {
    expect(() => splitPath(['d', 'information_schema', 'TABLES'])).toThrow(
      'INFORMATION_SCHEMA is not supported by the local BigQuery',
    );
  });
});

describe('targets', () => {
  it('are completed from the defaults', () => {
    expect(targetTable(['d', 't'], request)).toEqual({ projectId: 'p', datasetId: 'd', tableId: 't' });
    expect(targetTable(['t'], { ...request, defaultDataset: { projectId: 'q', datasetId: 'e' } })).toEqual({
      projectId: 'q',
      datasetId: 'e',
      tableId: 't',
    });
    expect(targetDataset(['d'], request)).toEqual({ projectId: 'p', datasetId: 'd' });
    expect(targetDataset(['example.com:q.d'], request)).toEqual({ projectId: 'example.com:q', datasetId: 'd' });
  });

  it('without a dataset are refused with the text of BigQuery', () => {
    expect(() => targetTable(['t'], request)).toThrow(
      'Table "t" must be qualified with a dataset (e.g. dataset.table).',
    );
  });
});
