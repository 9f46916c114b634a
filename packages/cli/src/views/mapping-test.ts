// One record on trial, for people.
import type { createRegistry } from '@sluice/destinations';
import { printable } from './style.ts';
import type { Style } from './style.ts';

type Trial = Awaited<ReturnType<ReturnType<typeof createRegistry>['tryRecord']>>;

export function mappingTestLines(
  trial: Trial & { readonly mapping: string; readonly recordId: string; readonly operation: string },
  send: boolean,
  style: Style,
): string[] {
  const { mapping, recordId, operation, payload, rejection, requests, notes } = trial;
  return [
    `${style.bold('Record')} ${printable(recordId)} of mapping "${mapping}", as ${operation}`,
    '',
    ...(payload === undefined ? [] : [style.bold('Mapped'), ...indented(JSON.stringify(payload, null, 2))]),
    ...(rejection === undefined
      ? []
      : [`${style.bad('✗')} not valid: ${printable(rejection.message)} (${rejection.code})`]),
    ...(requests === 'unknown' ? [] : requests.flatMap((request, index) => requestLines(request, index, style))),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => style.warn(printable(note)))]),
    '',
    send ? resultLine(trial, style) : style.dim('Nothing was sent; --send sends this one record.'),
  ];
}

function requestLines(request: Exclude<Trial['requests'], 'unknown'>[number], index: number, style: Style): string[] {
  const { method, url, headers, body, answer } = request;
  return [
    '',
    `${style.bold(`Request ${index + 1}`)} ${method} ${printable(url)}`,
    ...Object.entries(headers).map(([name, value]) => `  ${name}: ${printable(value)}`),
    ...(body === undefined || body === '' ? [] : ['', ...indented(pretty(body))]),
    ...(answer === undefined
      ? []
      : ['', `${style.bold('Answer')} ${answer.status}`, ...(answer.body === '' ? [] : indented(pretty(answer.body)))]),
  ];
}

function resultLine({ result, rejection }: Trial, style: Style): string {
  if (result === undefined) return rejection === undefined ? '' : style.dim('Nothing was sent.');
  const outcome = result.kind === 'rows' ? result.outcomes[0] : result;
  if (outcome === undefined) return `${style.bad('✗')} the destination said nothing about the record`;
  if (!('message' in outcome))
    return `${style.good('✓')} delivered; the state is unchanged, the next sync sends it again`;
  const what = result.kind === 'rows' ? (outcome as { outcome: string }).outcome : 'failed';
  return `${style.bad('✗')} ${what}: ${printable(outcome.message)} (${outcome.code})`;
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text) as unknown, null, 2);
  } catch {
    return text;
  }
}

function indented(text: string): string[] {
  return text.split('\n').map((line) => `  ${printable(line)}`);
}
