// The least that sending rows from JavaScript could cost: row objects made on the spot,
// JSON.stringify and a bare undici pool; nothing is read, mapped, checked or written down.
// `node bare-send.ts ROWS SINK-URL`.
import { BATCH, measured, sender } from './meter.ts';

const [, , rows = '0', url = ''] = process.argv;

await measured(async () => {
  const { send, end } = sender(url);
  for (let from = 1; from <= Number(rows); from += BATCH) {
    const length = Math.min(BATCH, Number(rows) - from + 1);
    await send(JSON.stringify(Array.from({ length }, (_, i) => contact(from + i))));
  }
  await end();
  return { rows: Number(rows) };
});

function contact(i: number): object {
  return {
    id: i,
    email: `user${i}@example.com`,
    first_name: `First${i % 1000}`,
    last_name: `Last${i % 5000}`,
    country: ['DE', 'FR', 'US', 'GB'][i % 4],
    plan: `plan${i % 5}`,
    ltv: (i % 10_000) / 7,
    visits: i % 777,
    active: i % 2 === 0,
    updated_at: new Date(1_767_225_600_000 + i * 1000).toISOString(),
  };
}
