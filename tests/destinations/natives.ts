// Where each native destination is tested: every one keeps the promises of the contract
// (`conformanceProblems`), and those with a server of their own more.

export const nativeTests: Readonly<Record<string, string>> = {
  file: 'packages/destinations/src/conformance.it.test.ts, packages/destinations/src/file/file.it.test.ts',
  postgresql: 'packages/destinations/src/postgresql/postgresql.it.test.ts',
  redis: 'packages/destinations/src/redis/redis.it.test.ts',
};
