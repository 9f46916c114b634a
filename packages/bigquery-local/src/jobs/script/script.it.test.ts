// The procedural language, statement by statement, through jobs.query.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT, ServerUnderTest } from '../../server-under-test.ts';

let server: ServerUnderTest;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.createDataset('ds');
  await server.rows("CREATE TABLE ds.t AS SELECT * FROM UNNEST([STRUCT(1 AS a, 'x' AS b), (2, 'y'), (3, NULL)])");
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function failure(sql: string, body: Record<string, unknown> = {}): Promise<string> {
  const answer = await server.query(sql, { body });
  if (answer.status === 200) throw new Error(`It did not fail: ${sql}`);
  return answer.body.error.message;
}

describe('variables', () => {
  it.each([
    ['DECLARE x INT64 DEFAULT 5; SET x = x + 1; SELECT x, X * 2;', [['6', '12']]],
    ['DECLARE a, b INT64; SELECT a, b', [[null, null]]],
    ['DECLARE a, b INT64 DEFAULT 7; SELECT a, b', [['7', '7']]],
    ["DECLARE s DEFAULT 'text'; SELECT s || '!'", [['text!']]],
    ['DECLARE d DEFAULT (SELECT MAX(a) FROM ds.t); SELECT d', [['3']]],
    ['DECLARE f FLOAT64 DEFAULT 1; SELECT f / 4', [['0.25']]],
    ["DECLARE d DATE DEFAULT '2024-02-29'; SELECT DATE_ADD(d, INTERVAL 1 YEAR)", [['2025-02-28']]],
    ['DECLARE a, b INT64; SET (a, b) = (1, 2); SET (b, a) = (a, b); SELECT a, b', [['2', '1']]],
    ["DECLARE a FLOAT64; DECLARE b STRING; SET (a, b) = (SELECT AS STRUCT 1, 'q'); SELECT a, b", [['1.0', 'q']]],
    ['DECLARE p STRUCT<n INT64, s STRING>; SET p = (3, "c"); SELECT p.n, p.s', [['3', 'c']]],
    ['DECLARE l ARRAY<INT64> DEFAULT [1, 2, 3]; SELECT SUM(e) FROM UNNEST(l) AS e', [['6']]],
    ['DECLARE l ARRAY<STRING>; SELECT l IS NULL', [['true']]],
    ['DECLARE n NUMERIC DEFAULT 1.10; SELECT n * 2', [['2.2']]],
    ["DECLARE b BYTES DEFAULT b'\\x00\\xff'; SELECT TO_HEX(b)", [['00ff']]],
    [
      "DECLARE ts TIMESTAMP DEFAULT '2020-01-01 00:00:00.000001+00'; SELECT FORMAT_TIMESTAMP('%E6S', ts)",
      [['00.000001']],
    ],
    ["DECLARE dt DATETIME DEFAULT '2020-01-01 10:11:12'; SELECT dt", [['2020-01-01T10:11:12']]],
    ["DECLARE t TIME DEFAULT '10:11:12.5'; SELECT t", [['10:11:12.500000']]],
    ['DECLARE j JSON DEFAULT JSON \'{"k": [1, 2]}\'; SELECT INT64(j.k[1])', [['2']]],
    [
      "DECLARE i INTERVAL DEFAULT INTERVAL 14 MONTH; SELECT i, DATE_ADD(DATE '2020-01-31', INTERVAL 1 MONTH)",
      [['1-2 0 0:0:0', '2020-02-29']],
    ],
    [
      "DECLARE b BIGNUMERIC DEFAULT BIGNUMERIC '123456789012345678901234567890.5'; SELECT b + 1",
      [['123456789012345678901234567891.5']],
    ],
    // A column of the same name wins.
    ['DECLARE a INT64 DEFAULT 99; SELECT a FROM ds.t ORDER BY a LIMIT 1', [['1']]],
    ['DECLARE a INT64 DEFAULT 99; SELECT MAX(t.a) + v FROM ds.t, (SELECT a AS v)  AS s GROUP BY v', [['102']]],
    ['BEGIN DECLARE x INT64 DEFAULT 1; END; BEGIN DECLARE x STRING DEFAULT "s"; SELECT x; END', [['s']]],
    ["DECLARE `é` STRING DEFAULT 'ü'; SELECT `é`, '日本'", [['ü', '日本']]],
    ["DECLARE e STRING DEFAULT '日本'; SELECT '𝒳', e", [['𝒳', '日本']]],
  ] as const)('%s', async (sql, rows) => {
    expect(await server.rows(sql)).toEqual(rows);
  });

  it.each([
    [
      'DECLARE a, b INT64; SET (a, b) = NULL',
      'Query error: Expected a STRUCT to assign to (a, b), but the expression has type INT64 at [1:21]',
    ],
    ["DECLARE x INT64 DEFAULT 'abc';", "Query error: Cannot coerce expression 'abc' to type INT64 at [1:25]"],
    ['DECLARE x INT64;\nSET x = 1.5;', 'Query error: Cannot coerce expression 1.5 to type INT64 at [2:9]'],
    ['SELECT 1;\nSET y = 1;', 'Query error: Undeclared variable: y at [2:5]'],
    ['DECLARE x INT64;\nSET x = y + 1;', 'Query error: Unrecognized name: y at [2:9]'],
    [
      'DECLARE x INT64; SET x = 1 +\n  UPPER(2);',
      'Query error: No matching signature for function UPPER for argument types: INT64. Supported signatures: UPPER(STRING); UPPER(BYTES) at [2:3]',
    ],
    [
      'SELECT 1; DECLARE x INT64;',
      'Variable declarations are allowed only at the start of a block or script at [1:11]',
    ],
    ['DECLARE x INT64; DECLARE X STRING;', "Variable 'X' redeclaration at [1:26]"],
    ['DECLARE x INT64; BEGIN DECLARE x INT64; END', "Variable 'x' redeclaration at [1:32]"],
    ['DECLARE x INT64; FOR x IN (SELECT 1) DO SELECT 1; END FOR', "Variable 'x' redeclaration at [1:22]"],
    ['BEGIN DECLARE x INT64; END; SELECT x', 'Query error: Unrecognized name: x at [1:36]'],
    [
      'DECLARE a, b INT64; SET (a, b) = (1, 2, 3);',
      'Query error: Mismatch between number of variables (2) and number of fields (3) in the assignment at [1:21]',
    ],
    [
      'DECLARE x INT64 DEFAULT (SELECT a FROM ds.t);',
      'Query error: Scalar subquery produced more than one element at [1:1]',
    ],
    [
      'DECLARE n NUMERIC(5, 2) DEFAULT 1.23456; SELECT n',
      'Query error: A variable of the parameterized type NUMERIC(5, 2) is not supported by the local BigQuery at [1:1]',
    ],
    [
      "DECLARE s STRING DEFAULT REPEAT('x', 600000) || REPEAT('y', 600000); SELECT LENGTH(s)",
      'Query error: Variable s exceeds the maximum size of 1048576 bytes: it has about 1200002. at [1:1]',
    ],
  ])('%s fails', async (sql, message) => {
    expect(await failure(sql)).toBe(message);
  });

  it('are refused in what is stored', async () => {
    expect(await failure('DECLARE x INT64 DEFAULT 1; CREATE VIEW ds.bad AS SELECT x AS y')).toContain('variable x');
    expect(
      await failure('CREATE TEMP TABLE tmp (n INT64); CREATE VIEW ds.bad AS SELECT n FROM _SESSION.tmp'),
    ).toContain('temporary table');
  });
});

describe('control flow', () => {
  it.each([
    ['IF 1 = 2 THEN SELECT 1; ELSEIF TRUE THEN SELECT 2; ELSE SELECT 3; END IF', [['2']]],
    ['IF NULL THEN SELECT 1; ELSE SELECT 3; END IF', [['3']]],
    ['SELECT 0; IF FALSE THEN SELECT 1; END IF', [['0']]],
    ['IF EXISTS (SELECT 1 FROM ds.t WHERE a = 2) THEN SELECT "yes"; END IF', [['yes']]],
    ["CASE 2 WHEN 1 THEN SELECT 'one'; WHEN 1 + 1 THEN SELECT 'two'; ELSE SELECT 'more'; END CASE", [['two']]],
    ["DECLARE n INT64; CASE n WHEN 1 THEN SELECT 'one'; ELSE SELECT 'more'; END CASE", [['more']]],
    ["CASE WHEN FALSE THEN SELECT 'one'; WHEN 1 < 2 THEN SELECT 'two'; END CASE", [['two']]],
    ['DECLARE i INT64 DEFAULT 0; LOOP SET i = i + 1; IF i > 4 THEN BREAK; END IF; END LOOP; SELECT i', [['5']]],
    ['DECLARE i INT64 DEFAULT 0; WHILE i < 30 DO SET i = i + 7; END WHILE; SELECT i', [['35']]],
    ['DECLARE i INT64 DEFAULT 0; REPEAT SET i = i + 2; UNTIL i > 6 END REPEAT; SELECT i', [['8']]],
    [
      `DECLARE i, odd INT64 DEFAULT 0;
       WHILE i < 10 DO SET i = i + 1; IF MOD(i, 2) = 0 THEN CONTINUE; END IF; SET odd = odd + 1; END WHILE;
       SELECT odd`,
      [['5']],
    ],
    [
      `DECLARE n INT64 DEFAULT 0;
       outermost: FOR r IN (SELECT a FROM ds.t ORDER BY a) DO
         FOR s IN (SELECT a FROM ds.t ORDER BY a) DO
           IF s.a > r.a THEN ITERATE outermost; END IF;
           IF r.a = 3 THEN LEAVE outermost; END IF;
           SET n = n + 1;
         END FOR;
       END FOR outermost;
       SELECT n`,
      [['3']],
    ],
    [
      "DECLARE s STRING DEFAULT ''; FOR r IN (SELECT * FROM ds.t ORDER BY a DESC) DO SET s = s || r.a; END FOR; SELECT s",
      [['321']],
    ],
    ['lab: BEGIN SELECT 1; LEAVE lab; SELECT 2; END lab', [['1']]],
    ['SELECT 1; RETURN; SELECT 2', [['1']]],
    ['LOOP SELECT 7; RETURN; END LOOP; SELECT 8', [['7']]],
    ['BEGIN END; SELECT 4', [['4']]],
    ["ASSERT 1 = 1 AS 'fine'; SELECT 'after'", [['after']]],
  ])('%s', async (sql, rows) => {
    expect(await server.rows(sql)).toEqual(rows);
  });

  it.each([
    ['BREAK', 'BREAK without label is only allowed inside of a loop body at [1:1]'],
    ['BEGIN CONTINUE; END', 'CONTINUE without label is only allowed inside of a loop body at [1:7]'],
    ['WHILE TRUE DO LEAVE nowhere; END WHILE', 'Label nowhere does not name a block or loop around it at [1:21]'],
    ['RAISE', 'Cannot re-raise an existing exception outside of an exception handler at [1:1]'],
    ["ASSERT 1 = 2 AS 'never'", 'Query error: Assertion failed: never at [1:1]'],
    ['IF 5 THEN SELECT 1; END IF', 'Query error: Cannot coerce expression 5 to type BOOL at [1:4]'],
    ['SELECT 1; SELEC 2', 'Syntax error: Expected end of input but got identifier "SELEC" at [1:11]'],
    [
      `${'BEGIN '.repeat(60)} SELECT 1; ${'END; '.repeat(60)}`,
      expect.stringMatching(/^Maximum nesting level of scripting statements exceeded: 50 at \[1:\d+\]$/),
    ],
    [`SELECT 1; -- ${'x'.repeat(1_100_000)}`, expect.stringContaining('The query is too large')],
  ])('%.60s fails', async (sql, message) => {
    expect(await failure(sql)).toEqual(message);
  });
});

describe('errors', () => {
  it('are caught, told by @@error, and leave what was done before', async () => {
    await server.rows('CREATE TABLE ds.kept (a INT64)');
    const rows = await server.rows(`BEGIN
  INSERT ds.kept VALUES (1);
  SELECT 1 / 0;
  INSERT ds.kept VALUES (2);
EXCEPTION WHEN ERROR THEN
  SELECT @@error.message, @@error.statement_text, @@error.formatted_stack_trace,
    @@error.stack_trace[OFFSET(0)].line, @@error.stack_trace[OFFSET(0)].column, (SELECT COUNT(*) FROM ds.kept);
END`);
    expect(rows).toEqual([
      ['Query error: division by zero: 1 / 0 at [3:3]', 'SELECT 1 / 0', 'At [3:3]\n', '3', '3', '1'],
    ]);
  });

  it('of RAISE have their own text, and are raised again', async () => {
    expect(
      await server.rows(
        "BEGIN RAISE USING MESSAGE = 'boom ' || 1; EXCEPTION WHEN ERROR THEN SELECT @@error.message; END",
      ),
    ).toEqual([['boom 1']]);
    expect(
      await server.rows(`
        BEGIN
          BEGIN RAISE USING MESSAGE = 'inner'; EXCEPTION WHEN ERROR THEN RAISE; END;
        EXCEPTION WHEN ERROR THEN SELECT @@error.message; END`),
    ).toEqual([['inner']]);
    expect(await failure("SELECT 1;\n RAISE USING MESSAGE = 'boom'")).toBe('Query error: boom at [2:2]');
  });

  it('in a handler are not caught by its own block', async () => {
    expect(await failure('BEGIN SELECT 1/0; EXCEPTION WHEN ERROR THEN SELECT nope; END')).toBe(
      'Query error: Unrecognized name: nope at [1:52]',
    );
  });

  it('stop the script where it is', async () => {
    await server.rows('CREATE TABLE ds.half (a INT64)');
    expect(
      await failure('INSERT ds.half VALUES (1);\nSELECT * FROM ds.half WHERE nope;\nINSERT ds.half VALUES (2)'),
    ).toBe('Query error: Unrecognized name: nope at [2:29]');
    expect(await server.rows('SELECT a FROM ds.half')).toEqual([['1']]);
  });

  it('keep their status: what is not found is 404', async () => {
    const { status, body } = await server.query('SELECT 1;\n SELECT * FROM ds.nothing');
    expect([status, body.error.message]).toEqual([
      404,
      `Query error: Not found: Table ${PROJECT}:ds.nothing was not found in location US at [2:2]`,
    ]);
  });
});

describe('EXECUTE IMMEDIATE', () => {
  it.each([
    ["EXECUTE IMMEDIATE 'SELECT 1 + 1'", [['2']]],
    ["EXECUTE IMMEDIATE 'SELECT ? * ?' USING 6, 7", [['42']]],
    ["EXECUTE IMMEDIATE 'SELECT @a || @b' USING 'x' AS a, 'y' AS b", [['xy']]],
    [
      "DECLARE v FLOAT64; DECLARE w STRING; EXECUTE IMMEDIATE 'SELECT a + @p, b FROM ds.t WHERE a = 1' INTO v, w USING 1 AS p; SELECT v, w",
      [['2.0', 'x']],
    ],
    ["DECLARE v INT64 DEFAULT 5; EXECUTE IMMEDIATE 'SELECT a FROM ds.t WHERE FALSE' INTO v; SELECT v", [[null]]],
    [
      "EXECUTE IMMEDIATE 'CREATE TEMP TABLE dyn (n INT64)'; EXECUTE IMMEDIATE 'INSERT dyn VALUES (3)'; SELECT n, @@row_count FROM dyn",
      [['3', '1']],
    ],
    ["DECLARE name STRING DEFAULT 't'; EXECUTE IMMEDIATE FORMAT('SELECT COUNT(*) FROM ds.%s', name)", [['3']]],
  ])('%s', async (sql, rows) => {
    expect(await server.rows(sql)).toEqual(rows);
  });

  it.each([
    [
      "EXECUTE IMMEDIATE 'SELEC 1'",
      /^Query error: Invalid EXECUTE IMMEDIATE sql string `SELEC 1`, Syntax error: .* \[at 1:1\] at \[1:1\]$/,
    ],
    ["EXECUTE IMMEDIATE 'SELECT 1; SELECT 2'", /must hold exactly one statement/],
    ['EXECUTE IMMEDIATE "EXECUTE IMMEDIATE \'SELECT 1\'"', /EXECUTE IMMEDIATE cannot be executed dynamically/],
    ["EXECUTE IMMEDIATE 'IF TRUE THEN SELECT 1; END IF'", /IF cannot be executed dynamically/],
    ['EXECUTE IMMEDIATE NULL', /sql string cannot be NULL/],
    ["SELECT 1;\nEXECUTE IMMEDIATE 'SELECT nope'", /^Query error: Unrecognized name: nope \[at 1:8\] at \[2:1\]$/],
    ["DECLARE v INT64; EXECUTE IMMEDIATE 'SELECT a FROM ds.t' INTO v", /more than one row/],
    ["DECLARE v INT64; EXECUTE IMMEDIATE 'SELECT 1, 2' INTO v", /2 column\(s\)/],
    ['DECLARE v INT64; EXECUTE IMMEDIATE "SELECT \'x\'" INTO v', /STRING.*INT64/],
    ["EXECUTE IMMEDIATE 'SELECT @a, ?' USING 1 AS a, 2", /Cannot mix named and positional/],
  ])('%s fails', async (sql, pattern) => {
    expect(await failure(sql)).toMatch(pattern);
  });
});

describe('what a single query can', () => {
  it.each([
    ['DECLARE x INT64 DEFAULT 1; FROM ds.t |> WHERE a > x |> ORDER BY a |> SELECT a', [['2'], ['3']]],
    [
      'DECLARE x INT64 DEFAULT 1; SELECT b, COUNT(*) FROM ds.t WHERE a > x GROUP BY ALL ORDER BY 1',
      [
        [null, '1'],
        ['y', '1'],
      ],
    ],
    [
      'DECLARE n ARRAY<STRING> DEFAULT (SELECT ARRAY_AGG(table_name) FROM ds.INFORMATION_SCHEMA.TABLES WHERE table_name = "t"); SELECT n[0]',
      [['t']],
    ],
    [
      'DECLARE k INT64 DEFAULT 5; CREATE OR REPLACE TABLE ds.made AS SELECT k AS v; MERGE ds.made USING (SELECT k AS v) AS s ON made.v = s.v WHEN MATCHED THEN UPDATE SET v = k * 2; SELECT v FROM ds.made',
      [['10']],
    ],
  ])('%s', async (sql, rows) => {
    expect(await server.rows(sql)).toEqual(rows);
  });
});

describe('query parameters', () => {
  const parameter = (value: string, name?: string): Record<string, unknown> => ({
    ...(name === undefined ? {} : { name }),
    parameterType: { type: 'INT64' },
    parameterValue: { value },
  });

  it('are those of the statement in which they stand', async () => {
    const positional = await server.query('DECLARE x INT64 DEFAULT ?; SELECT ? + x, ?', {
      body: { parameterMode: 'POSITIONAL', queryParameters: ['1', '10', '100'].map((value) => parameter(value)) },
    });
    expect(positional.body.rows).toEqual([{ f: [{ v: '11' }, { v: '100' }] }]);
    const named = await server.query('DECLARE x INT64 DEFAULT @p; SELECT @P + x', {
      body: { parameterMode: 'NAMED', queryParameters: [parameter('4', 'p')] },
    });
    expect(named.body.rows).toEqual([{ f: [{ v: '8' }] }]);
  });
});

describe('procedures', () => {
  beforeAll(async () => {
    await server.rows(`CREATE PROCEDURE ds.twice(IN a INT64, OUT b FLOAT64, INOUT c STRING)
BEGIN
  DECLARE local INT64 DEFAULT a * 2;
  SET b = local;
  SET c = CONCAT(c, '!');
END`);
    await server.rows('CREATE PROCEDURE ds.fails()\nBEGIN\n  SELECT 1 / 0;\nEND');
    await server.rows('CREATE PROCEDURE ds.down(n INT64) BEGIN IF n > 0 THEN CALL ds.down(n - 1); END IF; END');
    await server.rows(
      'CREATE PROCEDURE ds.leaves() BEGIN CREATE TEMP TABLE left_behind AS SELECT 5 AS n; RETURN; SELECT 1/0; END',
    );
  });

  it('take and give values', async () => {
    expect(
      await server.rows("DECLARE x FLOAT64; DECLARE s STRING DEFAULT 'hi'; CALL ds.twice(21, x, s); SELECT x, s"),
    ).toEqual([['42.0', 'hi!']]);
  });

  it('see their own variables only, and leave temporary tables to the caller', async () => {
    await server.rows('CREATE PROCEDURE ds.looks() BEGIN SELECT hidden; END').catch(() => undefined);
    expect(await failure('DECLARE hidden INT64; CALL ds.looks()')).toMatch(/hidden|looks/);
    expect(await server.rows('CALL ds.leaves(); SELECT n FROM left_behind')).toEqual([['5']]);
  });

  it('tell where in them something failed', async () => {
    expect(await failure('SELECT 1;\nCALL ds.fails()')).toBe(
      `Query error: division by zero: 1 / 0 at [${PROJECT}.ds.fails:2:3]`,
    );
    expect(
      await server.rows('BEGIN CALL ds.fails(); EXCEPTION WHEN ERROR THEN SELECT @@error.formatted_stack_trace; END'),
    ).toEqual([[`At ${PROJECT}.ds.fails[2:3]\nAt [1:7]\n`]]);
  });

  it('call one another, but not without end', async () => {
    expect((await server.query('CALL ds.down(5)')).status).toBe(200);
    expect(await failure('CALL ds.down(60)')).toContain('Out of stack space');
  });

  it.each([
    ['CALL ds.twice(1)', 'Number of arguments (1) does not match'],
    ["CALL ds.twice(1, 2, 's')", 'OUT argument b must be given a variable'],
    ['CALL ds.nowhere()', `Procedure not found: ${PROJECT}:ds.nowhere`],
    ['CALL nods.nowhere()', `Not found: Dataset ${PROJECT}:nods`],
    ['DECLARE x FLOAT64; DECLARE s STRING; CALL ds.twice("q", x, s)', 'Cannot coerce expression "q" to type INT64'],
    ['CALL BQ.SOMETHING()', 'BQ.SOMETHING is not supported by the local BigQuery'],
  ])('%s fails', async (sql, message) => {
    expect(await failure(sql)).toContain(message);
  });
});

describe('temporary tables and functions', () => {
  it('are there for the statements that follow, with and without _SESSION', async () => {
    expect(
      await server.rows(
        'CREATE TEMP TABLE tmp AS SELECT 7 AS n; INSERT tmp VALUES (8); UPDATE _SESSION.tmp SET n = n + 1 WHERE n = 8; SELECT SUM(n) FROM _SESSION.tmp',
      ),
    ).toEqual([['16']]);
    expect(await failure('SELECT n FROM _SESSION.tmp')).toBe('Not found: Table _SESSION.tmp');
  });

  it('hide a table of the default dataset, until they are dropped', async () => {
    const { body } = await server.query(
      'CREATE TEMP TABLE t AS SELECT 100 AS a; CREATE TEMP TABLE seen AS SELECT a FROM t; DROP TABLE t; SELECT (SELECT a FROM seen), COUNT(*) FROM t',
      { body: { defaultDataset: { datasetId: 'ds' } } },
    );
    expect(body.rows).toEqual([{ f: [{ v: '100' }, { v: '3' }] }]);
  });

  it('leave nothing behind', async () => {
    const { body } = await server.request('GET', `/bigquery/v2/projects/${PROJECT}/datasets?all=true`);
    const hidden = (body.datasets as { datasetReference: { datasetId: string } }[]).map(
      (d) => d.datasetReference.datasetId,
    );
    expect(hidden.filter((id) => id.startsWith('_script'))).toEqual([]);
  });

  it('cannot be made by a query alone, in a dataset, or twice', async () => {
    expect(await failure('CREATE TEMP TABLE x (n INT64)')).toBe(
      'Use of CREATE TEMPORARY TABLE requires a script or session',
    );
    expect(await failure('CREATE TEMP TABLE ds.x (n INT64); SELECT 1')).toContain(
      'A temporary table has no project and no dataset',
    );
    expect(await failure('CREATE TEMP TABLE x (n INT64); CREATE TEMP TABLE x (n INT64)')).toContain('Already Exists');
  });

  it('hold functions for the rest of the script', async () => {
    expect(
      await server.rows('CREATE TEMP FUNCTION inc(x INT64) AS (x + 1); SELECT inc(1); SELECT inc(inc(1))'),
    ).toEqual([['3']]);
    expect(await server.rows('CREATE TEMP FUNCTION inc(x INT64) AS (x + 1); SELECT inc(41)')).toEqual([['42']]);
    expect(await failure('SELECT inc(1)')).toContain('Function not found: inc');
  });
});

describe('system variables', () => {
  it('can be read by any query', async () => {
    expect(await server.rows('SELECT @@project_id, @@time_zone, @@script.job_id')).toEqual([[PROJECT, 'UTC', null]]);
  });

  it('tell a script of itself', async () => {
    const { body } = await server.query(
      'UPDATE ds.t SET b = b WHERE a < 3; SELECT @@row_count, @@script.job_id, @@script.num_child_jobs, @@script.bytes_processed > 0, @@last_job_id LIKE "script_job_%"',
    );
    expect(body.rows[0].f.map(({ v }: { v: unknown }) => v)).toEqual([
      '2',
      body.jobReference.jobId,
      '1',
      'true',
      'true',
    ]);
  });

  it('are set where they can be', async () => {
    expect(await server.rows("SET @@dataset_id = 'ds'; SELECT COUNT(*), @@dataset_id FROM t")).toEqual([['3', 'ds']]);
    expect(await server.rows("SET @@time_zone = 'UTC'; SELECT 1")).toEqual([['1']]);
    expect(await failure("SET @@time_zone = 'Europe/Berlin'; SELECT 1")).toContain(
      'is not supported by the local BigQuery',
    );
    expect(await failure("SET @@project_id = 'other'; SELECT 1")).toContain('read-only');
    expect(await failure('SELECT 1; SELECT @@error.message')).toContain('Unrecognized name: @@error');
  });
});
