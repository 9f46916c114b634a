import { AppError } from '@sluice/core';
import { expect, it } from 'vitest';
import { Project } from '../config/project.ts';
import { placed } from './session.ts';

const yaml = `source: { type: bigquery, project: p, location: US, credentials: x }
models:
  airports: { key: iata }
destinations:
  receiver: { type: actions-webhook, settings: { sharedSecret: s } }
mappings:
  m:
    model: airports
    destination: receiver
    action: send
    fields:
      data:
        name: { '@path': $.properties.nmae }
`;

const used = { model: 'airports', mapping: 'm' };
const project = Project.parse({ directory: '/p', cwd: '/p', environment: {} }, 'sluice.yaml', yaml);

function invalid(problems: readonly object[]): AppError {
  return new AppError('the mapping is not valid', { code: 'INVALID_MAPPING', kind: 'invalid', details: { problems } });
}

it('places what the registry found at the line of sluice.yaml, with its fix', () => {
  const column = {
    severity: 'error',
    path: 'fields.data.name',
    message: 'the model has no column "nmae"',
    fix: 'Did you mean "name"?',
  };
  expect(placed(invalid([column]), project, used)).toMatchObject({
    code: 'INVALID_MAPPING',
    kind: 'invalid',
    message: 'mapping "m", fields.data.name: the model has no column "nmae"',
    where: 'sluice.yaml:13:15',
    fix: 'Did you mean "name"?',
  });
  const secret = { severity: 'error', path: 'settings.sharedSecret', message: 'not with batches' };
  expect(placed(invalid([column, secret]), project, used)).toMatchObject({
    details: { problems: [{ where: 'sluice.yaml:13:15' }, { where: 'sluice.yaml:5:64' }] },
  });
});

it('leaves other errors as they are', () => {
  const other = new AppError('x', { code: 'Y', kind: 'unavailable' });
  expect(placed(other, project, used)).toBe(other);
  const warning = invalid([{ severity: 'warning', path: 'fields', message: 'hm' }]);
  expect(placed(warning, project, used)).toBe(warning);
});

it("places an identifier column that the query lacks at the model's key", () => {
  const error = new AppError('Model airports: no column "iata"', {
    code: 'MODEL_KEY_UNKNOWN',
    kind: 'invalid',
    where: 'models/airports.sql',
    fix: 'Its columns are: a.',
  });
  expect(placed(error, project, used)).toMatchObject({
    where: 'sluice.yaml:3:20',
    fix: 'Its columns are: a.',
    message: error.message,
  });
});
