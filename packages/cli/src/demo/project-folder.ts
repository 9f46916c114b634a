// The demo's project folder: the files that a user would write.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

export type DemoProject = {
  readonly directory: string;
  readonly project: string;
  readonly location: string;
  readonly endpoint: string;
  readonly receiverUrl: string;
  /** Text of the service account's JSON key. */
  readonly key: string;
};

/** Models by name. */
export const models = {
  airports: `-- One record per airport that has departures: its name, its traffic and its delays.
SELECT
  a.iata,
  a.name,
  a.city,
  a.state,
  COUNT(*) AS departures,
  COUNT(DISTINCT f.destination) AS destinations,
  ROUND(AVG(f.delay), 1) AS average_delay_minutes,
  ROUND(100 * COUNTIF(f.delay > 15) / COUNT(*), 1) AS delayed_percent
FROM travel.flights AS f
JOIN travel.airports AS a ON a.iata = f.origin
GROUP BY a.iata, a.name, a.city, a.state
`,
  routes: `-- One record per route: how often it is flown, how far it is and how late it runs.
SELECT
  CONCAT(origin, '-', destination) AS route,
  origin,
  destination,
  COUNT(*) AS flights,
  MAX(distance) AS distance_miles,
  ROUND(AVG(delay), 1) AS average_delay_minutes
FROM travel.flights
GROUP BY origin, destination
`,
} as const;

/** Columns that the mappings send, the key first. */
const columns = {
  airports: ['iata', 'name', 'city', 'state', 'departures', 'destinations', 'average_delay_minutes', 'delayed_percent'],
  routes: ['route', 'origin', 'destination', 'flights', 'distance_miles', 'average_delay_minutes'],
} as const;

export type ModelName = keyof typeof models;

export function mappingOf(model: ModelName): string {
  return `${model}-to-receiver`;
}

export async function writeProjectFolder(demo: DemoProject): Promise<void> {
  await mkdir(path.join(demo.directory, 'models'), { recursive: true });
  await mkdir(path.join(demo.directory, 'keys'), { recursive: true, mode: 0o700 });
  await writeFile(path.join(demo.directory, 'keys', 'sluice.json'), demo.key, { mode: 0o600 });
  for (const [name, sql] of Object.entries(models))
    await writeFile(path.join(demo.directory, 'models', `${name}.sql`), sql);
  await writeFile(path.join(demo.directory, 'sluice.yaml'), sluiceYaml(demo));
}

function sluiceYaml(demo: DemoProject): string {
  return `source:
  name: warehouse
  type: bigquery
  project: ${demo.project}
  location: ${demo.location}
  credentials: { keyFile: keys/sluice.json }
  endpoint: ${demo.endpoint}

models:
  airports: { key: iata }
  routes: { key: route }

destinations:
  receiver:
    type: actions-webhook

mappings:
${mapping('airports', 50, demo.receiverUrl)}${mapping('routes', 250, demo.receiverUrl)}`;
}

function mapping(model: ModelName, batchSize: number, receiverUrl: string): string {
  return `  ${mappingOf(model)}:
    model: ${model}
    destination: receiver
    action: send
    state: values # so that a plan shows old values beside new ones
    fields:
      url: ${receiverUrl}/${model}
      method: POST
      enable_batching: true
      batch_size: ${batchSize}
      data:
        id: { '@path': $.__segment_id }
        change: { '@path': $.event }
${columns[model].map((column) => `        ${column}: { '@path': $.properties.${column} }\n`).join('')}`;
}
