// The destinations that are written here, in the order in which they are listed.
import type { DestinationEntry } from './entry.ts';
import { elasticsearchEntry, opensearchEntry } from './elasticsearch/entry.ts';
import { emailEntry } from './email/entry.ts';
import { fileEntry } from './file/entry.ts';
import { bigqueryEntry } from './bigquery/entry.ts';
import { cloudStorageEntry } from './google-cloud-storage/entry.ts';
import { httpApiEntry } from './http-api/entry.ts';
import { kafkaEntry } from './kafka/entry.ts';
import { mysqlEntry } from './mysql/entry.ts';
import { postgresEntry } from './postgresql/entry.ts';
import { redisEntry } from './redis/entry.ts';
import { s3Entry } from './s3/entry.ts';
import { segmentEntry } from './segment/entry.ts';
import { sftpEntry } from './sftp/entry.ts';
import { slackEntry } from './slack/entry.ts';

export function nativeEntries(baseDirectory: string): readonly DestinationEntry[] {
  return [
    fileEntry(baseDirectory),
    s3Entry,
    cloudStorageEntry,
    sftpEntry,
    httpApiEntry,
    segmentEntry,
    slackEntry,
    emailEntry,
    postgresEntry,
    mysqlEntry,
    bigqueryEntry,
    redisEntry,
    elasticsearchEntry,
    opensearchEntry,
    kafkaEntry,
  ];
}
