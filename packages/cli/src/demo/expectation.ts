// What the walk expects, in figures. The data of vega-datasets never change, so every figure
// is exact; the walk compares each with what it finds.
import type { Operation } from '@sluice/core';
import type { ModelName } from './project-folder.ts';

export const project = 'sluice-demo';
export const location = 'US';
export const owner = 'ana@example.com';

/** The record that the receiver refuses at first. */
export const refusedAirport = 'DCA';

export const rowsLoaded = { airports: 3376, flights: 3_000_000 } as const;

/** Records per model: airports with departures, and pairs of origin and destination. */
export const records: Record<ModelName, number> = { airports: 229, routes: 3399 };

/** What changes between the first and the second sync, with the rows that each statement touches. */
export const statements = [
  { sql: `UPDATE travel.airports SET name = 'Seattle-Tacoma International' WHERE iata = 'SEA'`, rows: 1 },
  { sql: `UPDATE travel.airports SET name = 'Portland International' WHERE iata = 'PDX'`, rows: 1 },
  { sql: `UPDATE travel.flights SET delay = delay + 15 WHERE origin IN ('LWB', 'DRO')`, rows: 120 },
  { sql: `DELETE FROM travel.flights WHERE origin IN ('ACY', 'GST')`, rows: 22 },
  {
    sql: `INSERT INTO travel.flights (delay, distance, origin, destination)
VALUES (0, 129, 'BFI', 'PDX'), (5, 129, 'BFI', 'PDX'), (10, 224, 'BFI', 'GEG')`,
    rows: 3,
  },
] as const;

/** What each model must make of these statements. */
export const changes: Record<ModelName, Record<Operation, number>> = {
  // BFI is new, and DCA comes again because it was refused; SEA, PDX, LWB and DRO differ; ACY and GST are gone.
  airports: { added: 2, updated: 4, deleted: 2 },
  // Two routes from BFI; LWB-CLT and DRO-DFW are later; ACY-JFK and GST-JNU are gone.
  routes: { added: 2, updated: 2, deleted: 2 },
};
