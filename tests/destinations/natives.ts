// Where each native destination is tested: every one keeps the promises of the contract
// (`conformanceProblems`), and those with a server of their own more.

export const nativeTests: Readonly<Record<string, string>> = {
  file: 'packages/destinations/src/conformance.it.test.ts, packages/destinations/src/file/file.it.test.ts',
  postgresql: 'packages/destinations/src/postgresql/postgresql.it.test.ts',
  mysql: 'packages/destinations/src/mysql/mysql.it.test.ts',
  redis: 'packages/destinations/src/redis/redis.it.test.ts',
  s3: 'tests/destinations/stores/stores.it.test.ts, packages/destinations/src/s3/s3.it.test.ts',
  'google-cloud-storage': 'tests/destinations/stores/stores.it.test.ts',
  sftp: 'tests/destinations/stores/stores.it.test.ts, packages/destinations/src/sftp/sftp.it.test.ts',
};
