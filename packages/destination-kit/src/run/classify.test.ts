import { expect, it } from 'vitest';
import { failureOfThrown, outcomeOfNode, verdictOfStatus } from './classify.ts';

const plain = (text: string): string => text;

it('has a verdict for every status there is', () => {
  const causes: Record<string, string[]> = {};
  for (let status = 100; status < 600; status += 1) (causes[verdictOfStatus(status).cause] ??= []).push(String(status));
  expect(causes['done']).toHaveLength(100);
  expect(causes['stop']).toEqual([...Array.from({ length: 100 }, (_, index) => String(300 + index)), '401', '407']);
  expect(causes['rows']).toContain('501');
  expect(causes['rows']).toContain('400');
  expect(causes['later']).toEqual(
    expect.arrayContaining(['408', '423', '425', '429', '500', '502', '503', '504', '599']),
  );
});

it('knows that a request which was refused for its rate was not carried out', () => {
  expect(verdictOfStatus(429).maybeDelivered).toBe(false);
  expect(verdictOfStatus(504).maybeDelivered).toBe(true);
});

it.each([
  [{ status: 200 }, { outcome: 'delivered' }],
  [
    { status: 422, errormessage: 'bad' },
    { outcome: 'rejected', code: 'UNPROCESSABLE_ENTITY', message: 'bad' },
  ],
  [
    { status: 400, errortype: 'PAYLOAD_VALIDATION_FAILED', errormessage: '' },
    { outcome: 'rejected', code: 'PAYLOAD_VALIDATION_FAILED', message: 'status 400' },
  ],
  [
    { status: 401, errormessage: 'no' },
    { outcome: 'retry', code: 'UNAUTHORIZED', message: 'no' },
  ],
  [{ status: 599 }, { outcome: 'retry', code: 'HTTP_599', message: 'status 599' }],
  [undefined, { outcome: 'rejected', code: 'OUTCOME_UNKNOWN' }],
  ['nonsense', { outcome: 'rejected', code: 'OUTCOME_UNKNOWN' }],
])('turns the node %j into one outcome', (node, outcome) => {
  expect(outcomeOfNode(node, plain)).toMatchObject(outcome);
});

it.each([
  ['an error of an SDK with a status', Object.assign(new Error('gone'), { status: 410 }), 'rows', 'GONE'],
  ['an error with a status and a code', Object.assign(new Error('x'), { status: 503, code: 'BUSY' }), 'later', 'BUSY'],
  ['a text', 'just a text', 'later', 'DESTINATION_ERROR'],
  ['nothing', undefined, 'later', 'DESTINATION_ERROR'],
])('sorts %s', (_, thrown, cause, code) => {
  expect(failureOfThrown(thrown, plain)).toMatchObject({ kind: 'failed', cause, code });
});

it('bounds the message, after the secrets are out', () => {
  const failure = failureOfThrown(new Error(`${'x'.repeat(490)}secret-in-the-middle-of-the-cut`), (text) =>
    text.replaceAll('secret-in-the-middle-of-the-cut', '[redacted]'),
  );
  expect(failure.message).toBe(`${'x'.repeat(490)}[redacted]`);
});
