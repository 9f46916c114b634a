// What is wrong with the settings and fields of an HTTP API, before anything is sent.
import type { ConnectionSpec, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error } from '@sluice/destination-kit';
import { isPlace } from './place.ts';
import { placesOf } from './request-of.ts';
import { statusesOf } from './statuses.ts';

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** What the mapping says must be alike for every row, for it makes the form of the request. */
const FIXED = [
  'method',
  'path',
  'body_format',
  'rows_at',
  'delete_path',
  'delete_method',
  'success_statuses',
  'retry_statuses',
  'results_at',
  'results_are',
  'result_id',
  'result_index',
  'result_status',
  'result_message',
] as const;
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  basic: ['username', 'password'],
  bearer: ['token'],
  header: ['header_name', 'header_value'],
};

export function httpSettingProblems({ settings }: ConnectionSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const { base_url: base, test_path: test } = settings;
  const auth = typeof settings['auth'] === 'string' ? settings['auth'] : 'none';
  if (typeof base === 'string' && base !== '') {
    const url = URL.parse(base);
    if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '')
      problems.push(
        error(
          'settings.base_url',
          'the base URL must be an http or https URL without user, query or fragment',
          'for example https://api.example.com/v2',
        ),
      );
  }
  for (const name of NEEDED[auth] ?? [])
    if (!settings[name])
      problems.push(error(`settings.${name}`, `the authentication ${auth} needs ${name}`, `set settings.${name}`));
  for (const name of ['header_name', 'signature_header']) {
    const value = settings[name];
    if (typeof value === 'string' && value !== '' && !HEADER_NAME.test(value))
      problems.push(error(`settings.${name}`, `${name} cannot be the name of a header`));
  }
  for (const name of ['header_value', 'token', 'signature_prefix']) {
    const value = settings[name];
    if (typeof value === 'string' && !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      problems.push(error(`settings.${name}`, `${name} has characters that no header can carry`));
  }
  if (typeof test === 'string' && test !== '' && !isPath(test))
    problems.push(error('settings.test_path', 'the test path must begin with / and have no ..'));
  return problems;
}

export function httpFieldProblems({ fields }: DestinationSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  for (const name of FIXED) {
    const value = fields[name];
    if (value !== undefined && value !== null && typeof value !== 'string')
      problems.push(error(`fields.${name}`, `${name} must be a fixed text, the same for every row`));
  }
  if (problems.length > 0) return problems;
  const text = (name: string): string => (typeof fields[name] === 'string' ? fields[name] : '');
  const refuse = (name: string, message: string, fix?: string): void =>
    void problems.push(error(`fields.${name}`, message, fix));
  const { path_values: values, envelope } = fields;
  const named = typeof values === 'object' && values !== null && !Array.isArray(values) ? Object.keys(values) : [];
  const whole = named.some((key) => key.startsWith('@'));
  for (const name of ['path', 'delete_path']) {
    const path = text(name);
    if (path === '') continue;
    if (!isPath(path.replaceAll(/\{[^{}]*\}/g, 'x')))
      refuse(name, `${name} must begin with / and have no .., ?, # or spaces`, 'query parameters go into query');
    for (const place of placesOf(path))
      if (place !== 'record_id' && !whole && !named.includes(place))
        refuse(name, `${name} has a place {${place}} without a value`, `add ${place} to path_values`);
  }
  const batches = fields['enable_batching'] === true;
  if (batches && placesOf(text('path')).includes('record_id'))
    refuse('path', 'a path with {record_id} takes one row per request', 'remove enable_batching');
  if (batches && (text('body_format') === 'form' || text('body_format') === 'none'))
    refuse('body_format', `the body format ${text('body_format')} takes one row per request`, 'remove enable_batching');
  if (text('method') === 'GET' && text('body_format') !== 'none')
    refuse('method', 'a GET carries no body', 'set body_format to none');
  if (text('delete_path') !== '' && placesOf(text('delete_path')).length === 0 && !fields['delete_body'])
    refuse(
      'delete_path',
      'nothing in a delete would name its record',
      'add {record_id} to delete_path, or set delete_body',
    );
  for (const name of ['success_statuses', 'retry_statuses'])
    if (statusesOf(text(name)) === undefined) refuse(name, `${name} must be statuses such as 200-299,409`);
  for (const name of ['rows_at', 'results_at', 'result_id', 'result_index', 'result_status', 'result_message'])
    if (text(name) !== '' && !isPlace(text(name))) refuse(name, `${name} must be a place such as data.results`);
  for (const name of ['result_id', 'result_index', 'result_status', 'result_message'])
    if (text(name) !== '' && text('results_at') === '')
      refuse(name, `${name} needs results_at`, 'say where the results are');
  if (
    text('results_at') !== '' &&
    text('results_are') === 'failures' &&
    text('result_id') === '' &&
    text('result_index') === ''
  )
    refuse('results_are', 'nothing in a failure would name its row', 'set result_id or result_index');
  if (
    text('results_at') !== '' &&
    text('results_are') !== 'failures' &&
    text('result_status') === '' &&
    text('result_message') === ''
  )
    refuse('results_at', 'nothing in a result would tell success from failure', 'set result_status or result_message');
  if (text('rows_at') !== '' && text('body_format') === 'ndjson') refuse('rows_at', 'NDJSON has no envelope');
  if (envelope !== undefined && envelope !== null && text('rows_at') === '')
    refuse('envelope', 'the envelope does not say where the rows go', 'set rows_at');
  return problems;
}

function isPath(text: string): boolean {
  return /^\/[^?#\s\\]*$/.test(text) && !text.split('/').includes('..') && !text.split('/').includes('.');
}
