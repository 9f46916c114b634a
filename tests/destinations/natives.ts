// Where each native destination is tested: every one keeps the promises of the contract
// (`conformanceProblems`), and those with a server of their own more.

export const nativeTests: Readonly<Record<string, string>> = {
  file: 'packages/destinations/src/conformance.it.test.ts, packages/destinations/src/file/file.it.test.ts',
  postgresql: 'packages/destinations/src/postgresql/postgresql.it.test.ts',
  mysql: 'packages/destinations/src/mysql/mysql.it.test.ts',
  bigquery: 'packages/destinations/src/bigquery/bigquery.it.test.ts',
  redis: 'packages/destinations/src/redis/redis.it.test.ts',
  elasticsearch: 'packages/destinations/src/elasticsearch/elasticsearch.it.test.ts',
  opensearch: 'packages/destinations/src/elasticsearch/elasticsearch.it.test.ts',
  kafka: 'packages/destinations/src/kafka/kafka.it.test.ts, packages/destinations/src/kafka/kafka-server.it.test.ts',
  s3: 'tests/destinations/stores/stores.it.test.ts, packages/destinations/src/s3/s3.it.test.ts',
  'google-cloud-storage':
    'tests/destinations/stores/stores.it.test.ts, packages/destinations/src/google-cloud-storage/google-cloud-storage.it.test.ts',
  sftp: 'tests/destinations/stores/stores.it.test.ts, packages/destinations/src/sftp/sftp.it.test.ts',
  'http-api': 'packages/destinations/src/http-api/http-api.it.test.ts',
  segment: 'packages/destinations/src/segment/segment.it.test.ts',
  slack: 'packages/destinations/src/slack/slack.it.test.ts',
  email: 'packages/destinations/src/email/email.it.test.ts',
};
