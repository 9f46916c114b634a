// Runs the cases of the conformance suite for one action of one destination. It belongs to
// no test framework; it returns what it saw.
import { isUtf8 } from 'node:buffer';
import type { Change, JsonObject } from '@sluice/core';
import { messageOf } from '@sluice/core';
import type { BatchResult, OpenDestination, Prepared } from '../destination.ts';
import type { RunnerOptions } from '../run/definition-runner.ts';
import type { CaseName, CaseResult } from './cases.ts';
import { CASES, STATUS_CASES, endingOf, expectedOf, judge } from './cases.ts';
import type { Behaviour, Vendor } from './receiver.ts';
import { Receiver } from './receiver.ts';

export type CaseSubject = {
  /** Opens the destination anew, with these limits and connections. */
  open(runner: Partial<RunnerOptions>): Promise<OpenDestination>;
  /** Columns of the row at this ordinal that the mapping under test accepts. */
  columns(ordinal: number): JsonObject;
  /** A row that must be refused before it is sent; undefined when no row is. */
  readonly invalid?: JsonObject;
  /** The column that may hold any text; undefined when there is none. */
  readonly textColumn?: string;
  /** Column of a deleted record's identifier, where the action removes records. */
  readonly deletes: boolean;
  /** The action's batches have one answer per row. */
  readonly perRow: boolean;
  /** What the vendor answers to good requests. */
  readonly vendor?: Vendor;
  /** What it answers when it refuses the second of three rows; only of answers per row. */
  readonly partial?: Vendor;
  /** Values that may stand in no outcome and no log. */
  readonly secrets: readonly string[];
  /** Cases that are not run, each with the reason. */
  readonly without?: Partial<Readonly<Record<CaseName, string>>>;
};

const LARGE_BYTES = 5 * 1024 * 1024;
const UNICODE = 'Zoë 日本語 🎉 ß';
const CALL_TIMEOUT_MS = 60_000;

/** One result per case, in the order of `CASES`. */
export async function runCases(subject: CaseSubject): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  await using receiver = await Receiver.start(subject.vendor);
  for (const name of CASES) {
    const without = subject.without?.[name];
    if (without !== undefined) {
      results.push({ name, verdict: 'none', note: without });
      continue;
    }
    receiver.requests.length = 0;
    receiver.behaviour = { kind: 'answer' };
    receiver.vendor = subject.vendor ?? (() => undefined);
    try {
      results.push(await runCase(name, subject, receiver));
    } catch (error) {
      results.push({ name, verdict: 'fails', note: `throws: ${messageOf(error)}` });
    }
  }
  return results;
}

async function runCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  const status = STATUS_CASES.find((each) => name === `status ${each}`);
  if (status !== undefined) return statusCase(name, status, subject, receiver);
  switch (name) {
    case 'success': {
      const result = await send(subject, receiver);
      if (endingOf(result) !== 'delivered') return { name, verdict: 'fails', note: describe(result) };
      return receiver.requests.length > 0 ? { name, verdict: 'ok' } : { name, verdict: 'fails', note: 'sends nothing' };
    }
    case 'partial failure':
      return partialCase(name, subject, receiver);
    case 'whole batch refused': {
      await using destination = await open(subject, receiver);
      if (destination.batching.maxRows === 1) return { name, verdict: 'none', note: 'one row per request' };
      receiver.behaviour = { kind: 'status', status: 422 };
      return judge(name, endingOf(await deliver(destination, subject, 3)), 'rejected');
    }
    case 'invalid rows':
      return invalidCase(name, subject, receiver);
    case 'slow answer':
      return judgeDelivery(name, await send(subject, receiver, { kind: 'slow' }), 'delivered');
    case 'no answer': {
      const limits = { fetchTimeoutMs: 150, maxFetchTimeoutMs: 150 };
      return judge(name, endingOf(await send(subject, receiver, { kind: 'silent' }, limits)), 'later');
    }
    case 'reset mid-body':
      return judge(name, endingOf(await send(subject, receiver, { kind: 'reset' })), 'later');
    case 'huge answer': {
      const limits = { maxResponseBytes: 64 * 1024 };
      return judge(name, endingOf(await send(subject, receiver, { kind: 'huge', bytes: 200_000 }, limits)), 'later');
    }
    case 'malformed answer': {
      // Who does not read the answer may take 200 for a yes; who reads it must not break.
      const ending = endingOf(await send(subject, receiver, { kind: 'malformed' }));
      return ending === 'mixed' ? { name, verdict: 'fails', note: 'mixed' } : { name, verdict: 'ok' };
    }
    case 'redirect':
      return redirectCase(name, subject, receiver);
    case 'duplicate delivery':
      return duplicateCase(name, subject, receiver);
    case 'deletes':
      return deleteCase(name, subject, receiver);
    case 'unicode':
      return unicodeCase(name, subject, receiver);
    case '5 MB row':
      return largeCase(name, subject, receiver);
    case 'abort':
      return abortCase(name, subject, receiver);
    case 'secrets':
      return secretsCase(name, subject, receiver);
    default:
      throw new Error(`no such case: ${name}`);
  }
}

async function statusCase(
  name: CaseName,
  status: number,
  subject: CaseSubject,
  receiver: Receiver,
): Promise<CaseResult> {
  const asksToWait = status === 429 || status === 503;
  const result = await send(subject, receiver, {
    kind: 'status',
    status,
    ...(asksToWait ? { headers: { 'retry-after': '7' } } : {}),
  });
  const verdict = judge(name, endingOf(result), expectedOf(status));
  if (!asksToWait || verdict.verdict !== 'ok') return verdict;
  const waits = result.kind === 'failed' ? [result.retryAfterMs] : result.outcomes.map(waitOf);
  return waits.every((wait) => wait === 7000) ? verdict : { name, verdict: 'fails', note: 'loses Retry-After' };
}

async function partialCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  await using destination = await open(subject, receiver);
  if (destination.batching.maxRows === 1) return { name, verdict: 'none', note: 'one row per request' };
  if (subject.partial === undefined) {
    return {
      name,
      verdict: 'none',
      note: subject.perRow ? 'answers per row that are not simulated' : 'no answers per row',
    };
  }
  receiver.vendor = subject.partial;
  const result = await deliver(destination, subject, 3);
  const outcomes = result.kind === 'rows' ? result.outcomes.map(({ outcome }) => outcome).join() : describe(result);
  return outcomes === 'delivered,rejected,delivered'
    ? { name, verdict: 'ok' }
    : { name, verdict: 'fails', note: outcomes };
}

async function invalidCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  if (subject.invalid === undefined) return { name, verdict: 'none', note: 'takes any row' };
  await using destination = await open(subject, receiver);
  const row = destination.prepare(changeOf(0, subject.invalid));
  if ('payload' in row) return { name, verdict: 'fails', note: 'prepares an invalid row' };
  const good = endingOf(await deliver(destination, subject, 1));
  return good === 'delivered' ? { name, verdict: 'ok' } : { name, verdict: 'fails', note: 'refuses the good row' };
}

async function redirectCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  const location = 'https://elsewhere.example/landing';
  const result = await send(subject, receiver, { kind: 'redirect', location });
  const moved = receiver.requests.filter(({ host }) => host.startsWith('elsewhere.example'));
  const leaked = moved.some(
    ({ method, body, headers }) => method !== 'GET' || body !== '' || 'authorization' in headers,
  );
  if (leaked) return { name, verdict: 'fails', note: 'sends data to where it points' };
  return judge(name, endingOf(result), 'stop');
}

async function duplicateCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  await using destination = await open(subject, receiver);
  const rows = prepare(destination, subject, 1);
  const signal = new AbortController().signal;
  const seen: string[][] = [];
  for (let time = 0; time < 2; time += 1) {
    receiver.requests.length = 0;
    const result = await destination.deliver(rows, { signal, idempotencyKey: 'same' });
    if (endingOf(result) !== 'delivered') return { name, verdict: 'fails', note: describe(result) };
    const writes = receiver.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD');
    if (writes.some(({ headers }) => headers['idempotency-key'] === undefined))
      return { name, verdict: 'fails', note: 'without an idempotency key' };
    seen.push(writes.map(({ headers }) => String(headers['idempotency-key'])));
  }
  const [first, second] = seen;
  if (first?.length !== second?.length) return { name, verdict: 'differs', note: 'remembers between batches' };
  const same = first?.every((key, index) => key === second?.[index]) === true;
  return same ? { name, verdict: 'ok' } : { name, verdict: 'fails', note: 'changes the idempotency key' };
}

async function deleteCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  if (!subject.deletes) return { name, verdict: 'none', note: 'this action removes nothing' };
  await using destination = await open(subject, receiver);
  const row = destination.prepare({ ...changeOf(0, subject.columns(0)), operation: 'deleted' });
  if (!('payload' in row)) return { name, verdict: 'fails', note: row.message };
  const result = await destination.deliver([row], { signal: new AbortController().signal, idempotencyKey: 'delete' });
  const sent = receiver.requests.length > 0;
  return endingOf(result) === 'delivered' && sent
    ? { name, verdict: 'ok' }
    : { name, verdict: 'fails', note: sent ? describe(result) : 'sends nothing' };
}

async function unicodeCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  const { textColumn } = subject;
  if (textColumn === undefined) return { name, verdict: 'none', note: 'no free text' };
  await using destination = await open(subject, receiver);
  const row = destination.prepare(changeOf(0, { ...subject.columns(0), [textColumn]: UNICODE }));
  if (!('payload' in row)) return { name, verdict: 'differs', note: 'rejects the row' };
  const ending = endingOf(await destination.deliver([row], { signal: quiet(), idempotencyKey: 'unicode' }));
  if (ending === 'rejected') return { name, verdict: 'differs', note: 'rejects the row' };
  if (ending !== 'delivered') return { name, verdict: 'fails', note: ending };
  const mangled = receiver.requests.some(({ body }) => body.includes('\ufffd') || !isUtf8(Buffer.from(body)));
  return mangled ? { name, verdict: 'fails', note: 'mangles the text' } : { name, verdict: 'ok' };
}

async function largeCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  const { textColumn } = subject;
  if (textColumn === undefined) return { name, verdict: 'none', note: 'no free text' };
  await using destination = await open(subject, receiver);
  const row = destination.prepare(changeOf(0, { ...subject.columns(0), [textColumn]: 'x'.repeat(LARGE_BYTES) }));
  if (!('payload' in row)) return { name, verdict: 'ok', note: 'rejects the row' };
  const result = await destination.deliver([row], { signal: quiet(), idempotencyKey: 'large' });
  if (endingOf(result) === 'rejected') return { name, verdict: 'ok', note: 'rejects the row' };
  if (endingOf(result) !== 'delivered') return { name, verdict: 'fails', note: describe(result) };
  const sent = receiver.requests.reduce((sum, { body, path }) => sum + body.length + path.length, 0);
  return sent >= LARGE_BYTES
    ? { name, verdict: 'ok' }
    : { name, verdict: 'differs', note: 'sends a hash or a part of the text' };
}

async function abortCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  await using destination = await open(subject, receiver);
  receiver.behaviour = { kind: 'silent' };
  const controller = new AbortController();
  const rows = prepare(destination, subject, 1);
  const delivery = destination.deliver(rows, { signal: controller.signal, idempotencyKey: 'abort' });
  for (let waits = 0; receiver.requests.length === 0 && waits < 1000; waits += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    // A definition that does not get as far as a request ends by itself.
    if (await isSettled(delivery)) break;
  }
  controller.abort();
  return judge(name, endingOf(await delivery), 'later');
}

async function secretsCase(name: CaseName, subject: CaseSubject, receiver: Receiver): Promise<CaseResult> {
  const { secrets } = subject;
  if (secrets.length === 0) return { name, verdict: 'none', note: 'no secret settings' };
  const results: BatchResult[] = [];
  for (const status of [400, 500]) results.push(await send(subject, receiver, { kind: 'echo', status }));
  receiver.vendor = (request) => ({ body: { message: `${JSON.stringify(request.headers)} ${request.path}` } });
  results.push(await send(subject, receiver));
  const text = JSON.stringify(results);
  const shown = secrets.find((secret) => formsOf(secret).some((form) => text.includes(form)));
  return shown === undefined
    ? { name, verdict: 'ok' }
    : { name, verdict: 'fails', note: `shows ${shown.slice(0, 24)}…` };
}

function formsOf(secret: string): string[] {
  return [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

function quiet(): AbortSignal {
  return new AbortController().signal;
}

async function open(
  subject: CaseSubject,
  receiver: Receiver,
  limits: Partial<RunnerOptions> = {},
): Promise<OpenDestination> {
  return subject.open({
    fetchTimeoutMs: CALL_TIMEOUT_MS,
    callTimeoutMs: CALL_TIMEOUT_MS,
    connector: receiver.connector,
    timestamp: '2026-01-02T03:04:05.000Z',
    ...limits,
  });
}

/** Up to three rows in the batches that the destination wants; the first batch's answer. */
async function send(
  subject: CaseSubject,
  receiver: Receiver,
  behaviour?: Behaviour,
  limits: Partial<RunnerOptions> = {},
): Promise<BatchResult> {
  if (behaviour !== undefined) receiver.behaviour = behaviour;
  await using destination = await open(subject, receiver, limits);
  return await deliver(destination, subject, Math.min(3, destination.batching.maxRows));
}

async function deliver(destination: OpenDestination, subject: CaseSubject, count: number): Promise<BatchResult> {
  const rows = prepare(destination, subject, count);
  return destination.deliver(rows, { signal: quiet(), idempotencyKey: 'conformance' });
}

function prepare(destination: OpenDestination, subject: CaseSubject, count: number): Prepared[] {
  const rows: Prepared[] = [];
  for (let ordinal = 0; ordinal < count; ordinal += 1) {
    const row = destination.prepare(changeOf(ordinal, subject.columns(ordinal)));
    if (!('payload' in row)) throw new Error(`the good row ${ordinal} is refused: ${row.message}`);
    // Others would go into another batch.
    if (rows.length === 0 || row.batchKey === rows[0]?.batchKey) rows.push(row);
  }
  return rows;
}

function changeOf(ordinal: number, columns: JsonObject): Change {
  return { ordinal, operation: 'added', recordId: `r${ordinal}`, checksum: `c${ordinal}`, columns };
}

function judgeDelivery(name: CaseName, result: BatchResult, expected: 'delivered'): CaseResult {
  return endingOf(result) === expected ? { name, verdict: 'ok' } : { name, verdict: 'fails', note: describe(result) };
}

function waitOf(outcome: { readonly outcome: string; readonly retryAfterMs?: number }): number | undefined {
  return outcome.retryAfterMs;
}

function describe(result: BatchResult): string {
  if (result.kind === 'failed') return `${result.cause} ${result.code}: ${result.message}`.slice(0, 200);
  const bad = result.outcomes.find(({ outcome }) => outcome !== 'delivered');
  return bad === undefined || !('code' in bad)
    ? 'delivered'
    : `${bad.outcome} ${bad.code}: ${bad.message}`.slice(0, 200);
}
