// The two columns that every file begins with: what happened, and to which record.

export const OPERATION_COLUMN = '_operation';
export const RECORD_ID_COLUMN = '_record_id';
