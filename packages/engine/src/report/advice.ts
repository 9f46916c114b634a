// What the user can do about a reason for which changes were not delivered: one table, by
// the code of the outcome (names of HTTP statuses, and our own).

const BY_CODE: Readonly<Record<string, string>> = {
  PAYLOAD_VALIDATION_FAILED:
    'The mapped record lacks a required field or has a value of the wrong type: correct the mapping’s fields, or the column in the model.',
  MAPPING_FAILED:
    'A directive of the mapping cannot work on this record: look at the mapping’s fields and at the column that they read.',
  BAD_REQUEST:
    'The destination refuses the content of the record: compare the sample with what the action expects, and correct the column or the mapping.',
  UNPROCESSABLE_ENTITY:
    'The destination refuses the content of the record: compare the sample with what the action expects, and correct the column or the mapping.',
  UNAUTHORIZED: 'Check the destination’s credentials; they may have expired.',
  FORBIDDEN: 'The destination’s credentials do not allow this action, or the address is wrong: check both.',
  NOT_FOUND:
    'The record, or the address in the configuration, does not exist at the destination: check the identity field and the address.',
  CONFLICT:
    'The record clashes with another one at the destination: look for two records with the same identity there.',
  PAYLOAD_TOO_LARGE: 'Send less per record, or lower batch_size in the mapping’s fields.',
  TOO_MANY_REQUESTS:
    'The destination’s quota is used up: nothing to do; the next sync goes on. Lower batch_size or sync less often if it comes back.',
  TIMEOUT:
    'The destination did not answer in time and may have taken the records in: the next sync sends them again. Check the destination, or lower batch_size.',
  OUTCOME_UNKNOWN: 'Nobody knows whether the destination took these records in: the next sync sends them again.',
  NOT_TRIED: 'Nothing to do: the next sync sends them.',
  DESTINATION_ERROR:
    'The connection or the destination failed: the next sync tries again. If it stays so, check the destination’s settings.',
};

const BY_OUTCOME = {
  rejected:
    'Correct the record in the source, or the mapping; the next syncs try again with fresh data, 5 times or for 14 days.',
  deferred: 'The destination could not be reached or was busy: the next sync tries again.',
} as const;

export function adviceFor(outcome: 'rejected' | 'deferred', code: string): string {
  return BY_CODE[code] ?? BY_OUTCOME[outcome];
}
