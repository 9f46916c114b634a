import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createAccessControl } from './access-control.ts';
import type { Principal, Resource } from './decision.ts';
import type { AccessEntry, Binding, Condition, PolicyReader } from './policy.ts';
import { KNOWN_PERMISSIONS, PREDEFINED_ROLES } from './roles.ts';

const people: readonly Principal[] = ['ada', 'bob', 'eve'].map((name) => ({
  kind: 'user',
  email: `${name}@example.com`,
}));
const table: Resource = { kind: 'table', projectId: 'shop-data', datasetId: 'sales', tableId: 'orders' };

const NOW = Date.parse('2026-06-01T00:00:00Z');
const role = fc.constantFrom(...PREDEFINED_ROLES.keys());
const member = fc.constantFrom(
  ...people.map(({ email }) => `user:${email}`),
  'domain:example.com',
  'group:g@example.com',
  'group:h@example.com',
);
const condition: fc.Arbitrary<{ condition?: Condition }> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc
      .record({
        operator: fc.constantFrom('<', '<=', '>', '>='),
        time: fc.constantFrom('2026-05-31T23:59:59Z', '2026-06-01T00:00:00Z', '2026-06-02T00:00:00Z'),
      })
      .map(({ operator, time }) => ({ condition: { expression: `request.time ${operator} timestamp("${time}")` } })),
  },
);
const binding: fc.Arbitrary<Binding> = fc
  .tuple(fc.record({ role, members: fc.array(member, { maxLength: 3 }) }), condition)
  .map(([grant, when]) => ({ ...grant, ...when }));
const unconditionalEntry: fc.Arbitrary<AccessEntry> = fc.oneof(
  fc.record({
    role: fc.oneof(role, fc.constantFrom('READER', 'WRITER', 'OWNER')),
    userByEmail: fc.constantFrom(...people.map(({ email }) => email)),
  }),
  fc.record({ role, groupByEmail: fc.constantFrom('g@example.com', 'h@example.com') }),
  fc.record({ role, domain: fc.constantFrom('example.com', 'example.org') }),
  fc.record({
    role,
    specialGroup: fc.constantFrom('projectReaders', 'projectWriters', 'projectOwners', 'allAuthenticatedUsers'),
  }),
  fc.record({
    role,
    iamMember: fc.constantFrom(
      'projectEditor:shop-data',
      'projectOwner:elsewhere',
      'deleted:user:ada@example.com?uid=1',
    ),
  }),
);
const entry = fc.tuple(unconditionalEntry, condition).map(([grant, when]) => ({ ...grant, ...when }));
const groups = fc.uniqueArray(fc.constantFrom('g@example.com', 'h@example.com'));
const world: fc.Arbitrary<World> = fc.record({
  bindings: fc.array(binding, { maxLength: 4 }),
  access: fc.array(entry, { maxLength: 4 }),
  groups: fc.record({ 'ada@example.com': groups, 'bob@example.com': groups, 'eve@example.com': groups }),
});
type World = {
  readonly bindings: readonly Binding[];
  readonly access: readonly AccessEntry[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
};
const question = fc.tuple(fc.constantFrom(...people), fc.constantFrom(...KNOWN_PERMISSIONS));

function allows(given: World, principal: Principal, permission: string, now = NOW): boolean {
  const policy = { bindings: given.bindings };
  const reader: PolicyReader = {
    projectPolicy: (projectId) => (projectId === 'shop-data' ? policy : undefined),
    datasetAccess: () => ({ access: given.access }),
    customRole: () => undefined,
    groupsOf: (email) => given.groups[email] ?? [],
  };
  return createAccessControl(reader, { clock: () => now }).decide(principal, permission, table).allowed;
}

function union(a: World, b: World): World {
  return {
    bindings: [...a.bindings, ...b.bindings],
    access: [...b.access, ...a.access],
    groups: Object.fromEntries(people.map(({ email }) => [email, [...a.groups[email]!, ...b.groups[email]!]])),
  };
}

it('a grant or a membership never takes anything away', () => {
  fc.assert(
    fc.property(world, world, question, (base, more, [principal, permission]) => {
      expect(allows(union(base, more), principal, permission) || !allows(base, principal, permission)).toBe(true);
    }),
  );
});

it('who is named nowhere may do nothing', () => {
  const stranger: Principal = { kind: 'user', email: 'mallory@example.net' };
  const everybody = (given: World) => given.access.some(({ specialGroup }) => specialGroup === 'allAuthenticatedUsers');
  fc.assert(
    fc.property(
      world.filter((given) => !everybody(given)),
      fc.constantFrom(...KNOWN_PERMISSIONS),
      (given, permission) => {
        expect(allows(given, stranger, permission)).toBe(false);
      },
    ),
  );
});

it('who is taken out of everything may do nothing', () => {
  fc.assert(
    fc.property(world, question, (given, [principal, permission]) => {
      const { email } = principal;
      const without: World = {
        bindings: given.bindings.map((line) => ({
          ...line,
          members: line.members.filter((name) => name !== `user:${email}` && !name.startsWith('domain:')),
        })),
        access: given.access.filter(
          (line) =>
            line.userByEmail !== email && line.domain === undefined && line.specialGroup !== 'allAuthenticatedUsers',
        ),
        groups: { ...given.groups, [email]: [] },
      };
      expect(allows(without, principal, permission)).toBe(false);
    }),
  );
});

it('the order of entries, bindings, members and groups does not matter', () => {
  fc.assert(
    fc.property(world, question, (given, [principal, permission]) => {
      const turned: World = {
        bindings: given.bindings.map((line) => ({ ...line, members: line.members.toReversed() })).toReversed(),
        access: given.access.toReversed(),
        groups: Object.fromEntries(Object.entries(given.groups).map(([email, list]) => [email, list.toReversed()])),
      };
      expect(allows(turned, principal, permission)).toBe(allows(given, principal, permission));
    }),
  );
});

it('a condition of time means the same as having the grant only while it holds', () => {
  const times = fc.constantFrom(NOW - 1_000, NOW - 1, NOW, NOW + 1, NOW + 86_400_000, NOW + 86_400_001);
  const inForce = (now: number) => (line: { readonly condition?: Condition }) => {
    if (line.condition === undefined) return true;
    const [, operator = '', time = ''] = /^request\.time (\S+) timestamp\("(.*)"\)$/.exec(line.condition.expression)!;
    const at = Date.parse(time);
    return (
      (operator.startsWith('<') && now < at) ||
      (operator.startsWith('>') && now > at) ||
      (operator.endsWith('=') && now === at)
    );
  };
  /** What is in force then counts as if it had no condition. */
  const always = { expression: 'true' };
  fc.assert(
    fc.property(world, question, times, (given, [principal, permission], now) => {
      const then: World = {
        ...given,
        bindings: given.bindings.filter(inForce(now)).map((line) => ({ ...line, condition: always })),
        access: given.access.filter(inForce(now)).map((line) => ({ ...line, condition: always })),
      };
      expect(allows(given, principal, permission, now)).toBe(allows(then, principal, permission, now));
    }),
  );
});
