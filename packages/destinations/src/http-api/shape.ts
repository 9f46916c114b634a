// What the HTTP API destination takes: where the API is and how it lets in (settings), what
// one request looks like and how its answer is read (fields).
import type { InputField } from '@sluice/destination-kit';

export const settingFields: Readonly<Record<string, InputField>> = {
  base_url: {
    label: 'Base URL',
    description: 'What all paths start from, for example https://api.example.com/v2. Credentials go nowhere else.',
    type: 'string',
    required: true,
  },
  auth: {
    label: 'Authentication',
    description: 'basic: user name and password. bearer: a token. header: a header of your own.',
    type: 'string',
    choices: [
      { label: 'None', value: 'none' },
      { label: 'Basic', value: 'basic' },
      { label: 'Bearer token', value: 'bearer' },
      { label: 'Header', value: 'header' },
    ],
    default: 'none',
  },
  username: { label: 'User name', description: 'Of basic.', type: 'string' },
  password: { label: 'Password', description: 'Of basic.', type: 'password' },
  token: { label: 'Token', description: 'Of bearer.', type: 'password' },
  header_name: { label: 'Header', description: 'Of header, for example X-API-Key.', type: 'string' },
  header_value: { label: "Header's value", description: 'Of header.', type: 'password' },
  signature_secret: {
    label: 'Signature secret',
    description: 'With it, each request carries an HMAC of exactly the bytes of its body.',
    type: 'password',
  },
  signature_header: { label: 'Signature header', type: 'string', default: 'X-Signature' },
  signature_algorithm: {
    label: 'Signature algorithm',
    type: 'string',
    choices: ['sha256', 'sha512', 'sha1'],
    default: 'sha256',
  },
  signature_encoding: { label: 'Signature encoding', type: 'string', choices: ['hex', 'base64'], default: 'hex' },
  signature_prefix: {
    label: 'Signature prefix',
    description: 'Stands before the signature, for example sha256=.',
    type: 'string',
  },
  test_path: {
    label: 'Test path',
    description: 'A path that a GET with good credentials answers with a success. Without it nobody can tell.',
    type: 'string',
  },
};

export const sendFields: Readonly<Record<string, InputField>> = {
  method: {
    label: 'Method',
    type: 'string',
    choices: ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'],
    default: 'POST',
  },
  path: {
    label: 'Path',
    description:
      'Follows the base URL, for example /contacts/{record_id}. Places: {record_id} and the names in path_values; what is filled in is percent-encoded.',
    type: 'string',
    default: '',
  },
  path_values: {
    label: 'Path values',
    description: 'Values for the places of the paths, by name.',
    type: 'object',
    additionalProperties: true,
  },
  query: { label: 'Query', description: 'Parameters by name.', type: 'object', additionalProperties: true },
  headers: {
    label: 'Headers',
    description: 'By name, beside the authentication.',
    type: 'object',
    additionalProperties: true,
  },
  body: {
    label: 'Body',
    description: "One row's body. Default: all of the model's columns.",
    type: 'object',
    additionalProperties: true,
    default: { '@path': '$.properties' },
  },
  body_format: {
    label: 'Body format',
    description: 'json; ndjson: one JSON object per line; form: URL-encoded, one row per request; none: no body.',
    type: 'string',
    choices: ['json', 'ndjson', 'form', 'none'],
    default: 'json',
  },
  envelope: {
    label: 'Envelope',
    description: 'JSON around the rows of a batch, the same for every batch.',
    type: 'object',
    additionalProperties: true,
  },
  rows_at: {
    label: 'Rows at',
    description:
      'Where the list of rows stands in the envelope, for example data.records. Default: the list is the body.',
    type: 'string',
  },
  delete_path: {
    label: 'Path for deletes',
    description: 'Where deleted records go, with the places of path. Default: they are sent like all others.',
    type: 'string',
  },
  delete_method: {
    label: 'Method for deletes',
    type: 'string',
    choices: ['DELETE', 'POST', 'PUT', 'PATCH'],
    default: 'DELETE',
  },
  delete_body: {
    label: 'Body for deletes',
    description: "One deleted record's body; needed where the path for deletes has no place. Default: no body.",
    type: 'object',
    additionalProperties: true,
  },
  success_statuses: {
    label: 'Statuses of success',
    description: 'For example 200-299,409.',
    type: 'string',
    default: '200-299',
  },
  retry_statuses: {
    label: 'Statuses to retry',
    description: 'Beside 408, 423, 425, 429 and 500 to 599 but 501.',
    type: 'string',
  },
  results_at: {
    label: 'Results at',
    description:
      'Where the answer has its list of results, for example data.results; $ is the answer itself. Default: the status speaks for all rows.',
    type: 'string',
  },
  results_are: {
    label: 'Results are',
    description: 'all: one per row. failures: only of rows that were refused.',
    type: 'string',
    choices: ['all', 'failures'],
    default: 'all',
  },
  result_id: {
    label: "Result's identifier",
    description: "Where a result has its row's identifier. Default: results stand in the order of the rows.",
    type: 'string',
  },
  result_index: {
    label: "Result's index",
    description: "Where a result has its row's place in the batch, from 0.",
    type: 'string',
  },
  row_id: {
    label: "Row's identifier",
    description: "What result_id is compared with. Default: the record's identifier.",
    type: 'string',
  },
  result_status: {
    label: "Result's status",
    description: 'Where a result has its HTTP status, true or false, or a word.',
    type: 'string',
  },
  result_success: {
    label: 'Words of success',
    description: "Values of the result's status that mean success, beside true and the statuses of success.",
    type: 'string',
    multiple: true,
    default: ['ok', 'success', 'succeeded', 'created', 'updated', 'deleted', 'accepted'],
  },
  result_message: { label: "Result's message", description: 'Where a result says what is wrong.', type: 'string' },
  enable_batching: {
    label: 'Send batches',
    description: 'Several rows per request. Default: each row is a request.',
    type: 'boolean',
    default: false,
  },
  batch_size: { label: 'Rows per batch', type: 'integer', default: 0, minimum: 0, maximum: 10_000 },
  batch_keys: {
    label: 'Batch keys',
    description: 'Rows that differ in these never share a request.',
    type: 'string',
    multiple: true,
    default: ['path_values', 'query', 'headers', 'operation'],
    unsafe_hidden: true,
  },
  operation: { label: 'Operation', description: 'Filled in by itself.', type: 'string', unsafe_hidden: true },
  record_id: { label: 'Record', description: 'Filled in by itself.', type: 'string', unsafe_hidden: true },
};
