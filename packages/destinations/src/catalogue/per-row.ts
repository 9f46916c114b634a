// The actions whose batch answers give each row its own outcome, as `type:action`; found by
// running them (the conformance run compares this list with what it sees).

export const perRowActions: ReadonlySet<string> = new Set([]);
