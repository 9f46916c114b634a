export { startLocalBigQuery } from './local-bigquery.ts';
export type { LocalBigQuery, ServiceAccountKeyFile } from './local-bigquery.ts';
export { startReceiver } from './receiver.ts';
export type { Answer, ReceivedRow, Receiver, ReceiverOptions } from './receiver.ts';
