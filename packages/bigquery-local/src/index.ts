export { startBigQuery } from './server.ts';
export type { RunningBigQuery, StartOptions } from './server.ts';
export { issueUserToken } from './auth/user-token.ts';
