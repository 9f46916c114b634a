// Told by the analysis of a text that is no statement of its own: it is a script, or a
// statement that only the interpreter of scripts can run (SET, CALL, BEGIN TRANSACTION, …).
import { BigQueryError } from '../../bigquery-error.ts';
import type { Script } from './script.ts';

export class ScriptText extends BigQueryError {
  readonly script: Script;

  constructor(script: Script) {
    // The text is for places that take one statement only, such as the query of a view.
    super('invalidQuery', 'A multi-statement query is not supported by the local BigQuery in this place', {
      location: 'query',
    });
    this.script = script;
  }
}
