export { startBigQuery } from './server.ts';
export type { RunningBigQuery, StartOptions } from './server.ts';
export { issueUserToken } from './auth/user-token.ts';
export { explainAccess } from './audit/explain-access.ts';
export type { AccessExplanation, AccessQuestion } from './audit/explain-access.ts';
export { LocalDirectory } from './auth/local-directory.ts';
export type { Group, Member, MemberRole, User, UserFields } from './auth/local-directory.ts';
