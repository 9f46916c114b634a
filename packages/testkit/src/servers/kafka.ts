// A real Apache Kafka (one node, KRaft) on free ports, out of Maven's repository, for machines
// that have Java and Maven. Its programs are fetched once and kept beside the other caches.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort, serverFolder, startServerProcess } from './process.ts';
import type { ServerProcess } from './process.ts';

const run = promisify(execFile);
const VERSION = '3.9.1';
const CACHE = path.resolve(import.meta.dirname, '../../../../node_modules/.cache/sluice-servers');
const DOWNLOAD_LIMIT_MS = 300_000;
const FORMAT_LIMIT_MS = 120_000;
const JAVA = '/usr/bin/java';
const MAVEN = '/usr/bin/mvn';

/** Whether this machine can fetch and run Kafka; elsewhere such tests cannot run. */
export const hasKafka = existsSync(JAVA) && existsSync(MAVEN);

export interface KafkaServer extends AsyncDisposable {
  /** Of the listener without sign-in: `127.0.0.1:9092`. */
  readonly broker: string;
  /** Of the listener with SASL: PLAIN and SCRAM-SHA-256. */
  readonly saslBroker: string;
  readonly user: string;
  readonly password: string;
  readonly process: ServerProcess;
}

export async function startKafka(): Promise<KafkaServer> {
  const programs = await kafkaPrograms();
  const { folder, remove } = await serverFolder('kafka');
  const [port, saslPort, controllerPort] = [await freePort(), await freePort(), await freePort()];
  const login = { user: 'writer', password: 'a-password-of-tests' };
  const jaas = `listener.name.sasl_plaintext`;
  const modules = 'org.apache.kafka.common.security';
  const properties = path.join(folder, 'server.properties');
  await writeFile(
    properties,
    [
      'process.roles=broker,controller',
      'node.id=1',
      `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
      `listeners=PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${saslPort},CONTROLLER://127.0.0.1:${controllerPort}`,
      `advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${saslPort}`,
      'controller.listener.names=CONTROLLER',
      'inter.broker.listener.name=PLAINTEXT',
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
      'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256',
      `${jaas}.plain.sasl.jaas.config=${modules}.plain.PlainLoginModule required user_${login.user}="${login.password}";`,
      `${jaas}.scram-sha-256.sasl.jaas.config=${modules}.scram.ScramLoginModule required;`,
      `log.dirs=${path.join(folder, 'data')}`,
      'offsets.topic.replication.factor=1',
      'offsets.topic.num.partitions=1',
      'transaction.state.log.replication.factor=1',
      'transaction.state.log.min.isr=1',
      'group.initial.rebalance.delay.ms=0',
      'num.partitions=3',
    ].join('\n'),
  );
  const java = [
    '-Xmx512m',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-cp',
    path.join(programs, '*'),
  ];
  const scram = `SCRAM-SHA-256=[name=${login.user},password=${login.password}]`;
  const format = ['format', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', properties, '--add-scram', scram];
  await run(JAVA, [...java, 'kafka.tools.StorageTool', ...format], { timeout: FORMAT_LIMIT_MS });
  const server = await startServerProcess({
    program: JAVA,
    args: [...java, 'kafka.Kafka', properties],
    port,
    cwd: folder,
  });
  return {
    broker: `127.0.0.1:${port}`,
    saslBroker: `127.0.0.1:${saslPort}`,
    ...login,
    process: server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await remove();
    },
  };
}

/** The folder with Kafka's jars, fetched by Maven once per machine. */
async function kafkaPrograms(): Promise<string> {
  const folder = path.join(CACHE, `kafka-${VERSION}`);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(path.join(CACHE, 'download-'));
  const dependency = (group: string, artifact: string, version: string): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  try {
    await writeFile(
      path.join(work, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
       <groupId>sluice.testkit</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
       <dependencies>${dependency('org.apache.kafka', 'kafka_2.13', VERSION)}
       ${dependency('org.slf4j', 'slf4j-simple', '1.7.36')}</dependencies></project>`,
    );
    const jars = path.join(work, 'jars');
    await run(MAVEN, ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`], {
      cwd: work,
      timeout: DOWNLOAD_LIMIT_MS,
    });
    // Whoever comes second finds the first one's copy, which is the same.
    await rename(jars, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}
