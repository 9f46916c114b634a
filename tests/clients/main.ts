// `npm run test:clients -- [python|go|dbt]…`: Google's clients in other languages, and dbt,
// against a running local BigQuery. A language that is missing is skipped with a message; the
// first run downloads the clients. Ends with 1 when a test fails.
import { join } from 'node:path';
import { run } from './run.ts';
import { go, Missing, python } from './toolchains.ts';
import { startWorld, type World } from './world.ts';

const HERE = import.meta.dirname;
const PYTHON_REQUIREMENTS = [join(HERE, 'python/requirements.txt'), join(HERE, 'dbt/requirements.txt')];
const TEST_LIMIT_MS = 10 * 60_000;

/** Runs the tests; answers their last word. Throws with all they wrote. */
type Suite = (world: World) => Promise<string>;

const suites: Readonly<Record<string, Suite>> = {
  async python({ environment }) {
    const tools = await python(PYTHON_REQUIREMENTS);
    const output = await run(join(tools.bin, 'python'), ['-m', 'unittest', '--verbose'], {
      cwd: join(HERE, 'python'),
      environment: { ...tools.environment, ...environment },
      timeoutMs: TEST_LIMIT_MS,
    });
    const [, tests = '0'] = /^Ran (\d+) tests/m.exec(output) ?? [];
    if (tests === '0') throw new Error(`no test ran\n${output}`);
    return `${tests} tests`;
  },
  async go({ environment }) {
    const folder = join(HERE, 'go');
    const tools = await go(folder);
    const output = await run('go', ['test', '-count=1', '-v', '-timeout=9m', './...'], {
      cwd: folder,
      environment: { ...tools.environment, ...environment },
      timeoutMs: TEST_LIMIT_MS,
    });
    const tests = output.match(/^--- PASS/gm)?.length ?? 0;
    if (tests === 0) throw new Error(`no test ran\n${output}`);
    return `${tests} tests`;
  },
  async dbt({ environment, folder }) {
    const tools = await python(PYTHON_REQUIREMENTS);
    const dbt = async (...args: readonly string[]): Promise<number> => {
      const output = await run(join(tools.bin, 'dbt'), ['--no-use-colors', ...args], {
        cwd: join(HERE, 'dbt'),
        environment: {
          ...tools.environment,
          ...environment,
          DBT_PROFILES_DIR: join(HERE, 'dbt'),
          DBT_TARGET_PATH: join(folder, 'dbt-target'),
          DBT_LOG_PATH: join(folder, 'dbt-log'),
          DO_NOT_TRACK: '1',
        },
        timeoutMs: TEST_LIMIT_MS,
      });
      return Number(/\bPASS=(\d+)/.exec(output)?.[1] ?? 0);
    };
    const later = ['--vars', '{until: 2024-03-01, second_run: true}'];
    let nodes = await dbt('build');
    await dbt('run-operation', 'change_sources');
    nodes += await dbt('build', '--exclude', 'resource_type:seed', ...later);
    await dbt('docs', 'generate', ...later);
    nodes += await dbt('run', '--full-refresh', ...later);
    return `${nodes} nodes in three runs, and the catalog`;
  },
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(suites);
const unknown = names.filter((name) => suites[name] === undefined);
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}. usage: main.ts [${Object.keys(suites).join('|')}]…`);
  process.exitCode = 2;
} else {
  await using world = await startWorld();
  for (const name of names) {
    const started = performance.now();
    const time = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
    try {
      console.log(`✓ ${name}: ${await suites[name]!(world)}, ${time()}`);
    } catch (error) {
      if (error instanceof Missing) {
        console.log(`- ${name}: skipped, ${error.message}`);
        continue;
      }
      console.log(`✗ ${name}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  }
}
